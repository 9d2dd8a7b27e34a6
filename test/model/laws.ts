/**
 * What holds for the machines whatever happens, by the numbers of C.8: `invariants` in every state, `monitors` over every
 * way there. A number that is not here is about bytes, and held by the tests that `invariants.ts` names.
 */
import * as assert from 'uvu/assert';
import type { ActorRefFrom, AnyMachineSnapshot, SnapshotFrom } from 'xstate';
import { retryDelay } from '../../machines/backoff.ts';
import type { ClientEmitted, clientMachine } from '../../machines/client.ts';
import type { Failure } from '../../machines/failure.ts';
import type { negotiationMachine } from '../../machines/negotiation.ts';
import type { SaslContext, saslMachine } from '../../machines/sasl.ts';
import type { WireCommand } from '../../machines/wire.ts';
import { type Happening, leavesOf, type Monitor, type Rig } from '../../src/testing/explore.ts';

export interface Laws {
  readonly invariants: Readonly<Record<string, (rig: Rig) => void>>;
  readonly monitors: Readonly<Record<string, () => Monitor>>;
}

type Client = SnapshotFrom<typeof clientMachine>;

const snapshotOf = ({ actor }: Rig) => actor.getSnapshot() as AnyMachineSnapshot;
const clientOf = (rig: Rig) => snapshotOf(rig) as unknown as Client;

/** The states of a region of the client. */
const regionOf = (snapshot: Client, region: 'link' | 'session' | 'network'): string => leavesOf(snapshot.value[region]);

const isRunning = (snapshot: Client): boolean => !['down', 'failed'].includes(regionOf(snapshot, 'link'));

/** States of the link that wait for what a machine below does, whose timers are not there when it is inert. */
const CARRIED = /^(waiting|connected\.(dialing|negotiating|closing|leaving|live\.ready\.silent))$/;

const FULL_JID = /^[^@/]+@[^@/]+\/.+$/;

const SECRET = /passw|secret|token|credential|payload|proof|nonce|salt/i;

type Settings = Client['context']['settings'];

/** The machine on the bench took a transition for the event. */
const isHeard = (happening: Happening, type: string): boolean =>
  happening.type === 'step' && happening.by === 'client' && happening.event.type === type && happening.taken.length > 0;

const looked = new WeakSet<object>();

/** Names of whatever there is in a value and was not looked at before. */
function* namesIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null || looked.has(value)) return;
  looked.add(value);
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) yield name;
    yield* namesIn(inner);
  }
}

/** The machine and those below it. */
function* machinesOf(snapshot: AnyMachineSnapshot): Generator<AnyMachineSnapshot> {
  yield snapshot;
  for (const child of Object.values<ActorRefFrom<typeof clientMachine>>(snapshot.children)) {
    const inner = child.getSnapshot() as unknown as AnyMachineSnapshot | undefined;
    if (inner !== undefined && 'machine' in inner) yield* machinesOf(inner);
  }
}

const plain: Laws['invariants'] = {
  'C.8.15: no context has a place for a secret': (rig) => {
    for (const { context } of machinesOf(snapshotOf(rig))) {
      for (const name of namesIn(context)) assert.not.match(name, SECRET);
    }
  },
};

/** Who may speak when: an established session, its interruptions, and the run around them. */
function announcements(): Monitor {
  let run: 'none' | 'going' | 'stopping' = 'none';
  let session: 'none' | 'held' | 'suspended' = 'none';
  let onlineDue: boolean | null = null;
  let destructions = 0;
  let establishments = 0;

  const hear = (event: ClientEmitted) => {
    assert.is.not(run, 'none', `${event.type} outside a run`);
    if (event.type === 'online') assert.is(event.resumed, onlineDue, 'online says whether it is resumed');
    else assert.is(onlineDue, null, `${event.type} while online is due`);
    onlineDue = null;
    switch (event.type) {
      case 'established':
        assert.is(session, 'none', 'established over a session');
        assert.match(event.jid, FULL_JID);
        session = 'held';
        onlineDue = false;
        establishments += 1;
        break;
      case 'suspended':
        assert.is(session, 'held', 'suspended without a session that is attached');
        assert.is.not(run, 'stopping', 'suspended after a stop');
        session = 'suspended';
        break;
      case 'resumed':
        assert.is(session, 'suspended', 'resumed without a session that is suspended');
        assert.match(event.jid, FULL_JID);
        session = 'held';
        onlineDue = true;
        break;
      case 'destroyed':
        assert.is.not(session, 'none', 'destroyed without a session');
        assert.ok(event.reason !== null || run === 'stopping', 'only a stop has no reason');
        session = 'none';
        destructions += 1;
        break;
      case 'waiting':
        assert.is(run, 'going', 'a pause after a stop');
        break;
      case 'stopped':
        assert.is(run, 'stopping', 'stopped without a stop');
        break;
      case 'failure':
        assert.is(run, 'going', 'a failure after a stop');
    }
    if (event.type !== 'stopped' && event.type !== 'failure') return;
    assert.is(session, 'none', 'a run ends with a session');
    assert.is(establishments, destructions, 'as many sessions destroyed as established');
    run = 'none';
  };

  return (happening) => {
    if (isHeard(happening, 'start')) {
      assert.is(run, 'none', 'a start in a run');
      run = 'going';
      destructions = establishments = 0;
    }
    // A stop counts also where nobody hears it, which must not be.
    if (happening.type === 'move' && happening.label === 'stop' && run === 'going') run = 'stopping';
    if (happening.type === 'emitted') hear(happening.event as ClientEmitted);
    if (happening.type !== 'settled') return;
    const snapshot = clientOf(happening.rig);
    assert.is(run !== 'none', isRunning(snapshot), 'a run that begins with start and ends with one announcement');
    assert.is(onlineDue, null, 'online follows at once');
    const announced = { none: 'none', fresh: 'none', 'held.attached': 'held', 'held.detached': 'suspended' };
    assert.is(announced[regionOf(snapshot, 'session') as keyof typeof announced], session, 'what was announced is so');
  };
}

/** A session that the shell is told to hold is let go once, and with the right words. */
function holding(): Monitor {
  let held = false;
  let announced = false;
  let ended = true;
  let destroyed: Failure | null | undefined;
  return (happening) => {
    if (happening.type === 'action') {
      const { name } = happening;
      if (name === 'holdSession') {
        assert.not(held, 'two sessions at once');
        held = true;
        announced = false;
      }
      if (name === 'dropSession' || name === 'dropFresh') {
        assert.ok(held, 'a session that is let go was held');
        assert.is(name === 'dropSession', announced, 'what was announced is lost, what was not goes on waiting');
        held = false;
        destroyed = (happening.params as { reason: Failure | null }).reason;
      }
      if (name === 'endRun') {
        assert.not(held, 'nothing is held at the end of a run');
        ended = true;
      }
      if (name === 'replay') assert.ok(held && announced, 'only a session that is held is taken up again');
    }
    if (happening.type === 'emitted') {
      const event = happening.event as ClientEmitted;
      if (event.type === 'established') announced = true;
      if (event.type === 'destroyed')
        assert.is(event.reason, destroyed, 'the shell and the application hear one reason');
      if (event.type === 'stopped' || event.type === 'failure') {
        assert.ok(ended, 'what waits is let go before the end of a run is announced');
      }
    }
    if (happening.type !== 'settled') return;
    const snapshot = clientOf(happening.rig);
    assert.is(held, snapshot.context.session !== null, 'the shell holds what the machine does');
    if (isRunning(snapshot)) ended = false;
    else assert.ok(ended);
  };
}

/** Every connection is opened when it may be: at the start, after a pause, or as another try of the same sweep. */
function attempts(settings: Settings): Monitor {
  const { settle, backoff, maxInitialAttempts: limit } = settings;
  let mayDial = false;
  let reached = false;
  let over = true;
  let waits = 0;
  let failures = 0;
  let readySince: number | null = null;
  return (happening) => {
    if (isHeard(happening, 'start')) {
      mayDial = true;
      reached = over = false;
      waits = failures = 0;
    }
    if (happening.type === 'action') {
      const { name, params, at } = happening;
      if (name === 'xstate.spawnChild' && (params as { id?: string }).id === 'transport') {
        assert.not(over, 'no connection after a run is over');
        assert.ok(mayDial, 'every way back leads through the pause');
      }
      if (name === 'openGate') {
        // Where stanzas may flow, the sweep is over.
        mayDial = false;
        readySince = (params as { for: string }).for === 'everyone' ? at : null;
      }
      if (name === 'closeGate') {
        if (readySince !== null && at - readySince >= settle) failures = 0;
        readySince = null;
      }
    }
    if (happening.type !== 'emitted') return;
    const event = happening.event as ClientEmitted;
    if (event.type === 'established') reached = true;
    if (event.type === 'waiting') {
      mayDial = true;
      waits += 1;
      failures += 1;
      assert.is(event.reason.retry, 'backoff', 'only what may pass is waited for');
      assert.is.not(event.reason.kind, 'conflict');
      assert.is(event.attempt, failures, 'attempts are counted until a session has lasted');
      assert.is(event.delay, retryDelay(backoff, failures, 0.5));
      if (limit !== null && !reached) assert.ok(waits < limit, 'no more attempts than agreed');
    }
    if (event.type === 'failure') {
      const isSpent = limit !== null && !reached && waits + 1 >= limit;
      assert.ok(event.failure.retry !== 'backoff' || isSpent, 'a run is not given up while it may succeed');
    }
    if (event.type === 'stopped' || event.type === 'failure') over = true;
  };
}

/** The gate is open while the link is live, first for the hooks and then for everyone. */
function gate(): Monitor {
  let open: 'nobody' | 'hooks' | 'everyone' = 'nobody';
  return (happening) => {
    if (happening.type === 'action' && happening.name === 'openGate') {
      open = (happening.params as { for: 'hooks' | 'everyone' }).for;
    }
    if (happening.type === 'action' && happening.name === 'closeGate') open = 'nobody';
    if (happening.type !== 'settled') return;
    const link = regionOf(clientOf(happening.rig), 'link');
    if (link === 'connected.live.preparing') assert.is(open, 'hooks');
    else if (link.startsWith('connected.live.ready')) assert.is(open, 'everyone');
    else if (link === 'connected.live.draining') assert.is.not(open, 'nobody');
    else assert.is(open, 'nobody', link);
  };
}

/** How long it was not online is told by the clock, and whether it was in this run. */
function gaps(): Monitor {
  let cut: number | null = null;
  let live = false;
  return (happening) => {
    if (isHeard(happening, 'start')) cut = null;
    if (happening.type !== 'emitted') return;
    const event = happening.event as ClientEmitted;
    if (event.type === 'suspended' && live) cut = happening.at;
    if (event.type === 'suspended') live = false;
    if (event.type !== 'online') return;
    live = true;
    assert.is(event.gapMs, cut === null ? 0 : happening.at - cut);
  };
}

/** What is asked of the server on one stream: sessions are asked back only if they can be, and nothing is asked twice. */
function requests(): Monitor {
  const asked = new Set<string>();
  let session = 'none';
  let ticket: string | null = null;
  let move = '';
  let unanswered = false;
  return (happening) => {
    if (happening.type === 'move') move = happening.label;
    if (happening.type === 'step' && ['sm.resumed', 'sm.failed'].includes(happening.event.type)) unanswered = false;
    if (happening.type === 'action' && happening.name === 'dropSession') session = 'none';
    if (happening.type === 'action' && happening.name === 'write' && happening.by === 'stream') {
      const { kind } = happening.params as WireCommand;
      // A footer ends a session for good, and the server may have taken this one up again.
      if (kind === 'footer' && move.startsWith('timer')) assert.not(unanswered && session === 'held.detached');
    }
    if (happening.type === 'action' && happening.name === 'xstate.spawnChild') {
      if ((happening.params as { id?: string }).id === 'transport') {
        asked.clear();
        unanswered = false;
      }
    }
    if (happening.type === 'action' && happening.name === 'write' && happening.by === 'negotiation') {
      const command = happening.params as WireCommand;
      assert.not(asked.has(command.kind), `${command.kind} is asked for once on a stream`);
      asked.add(command.kind);
      if (command.kind === 'resume') {
        assert.is(session, 'held.detached', 'what is not held is not asked back');
        assert.is(command.previd, ticket);
        unanswered = true;
      }
      if (command.kind === 'bind') assert.not(asked.has('enable'));
      if (command.kind === 'enable') assert.ok(asked.has('bind'));
    }
    if (happening.type !== 'settled') return;
    const snapshot = clientOf(happening.rig);
    session = regionOf(snapshot, 'session');
    ticket = snapshot.context.session?.ticket?.id ?? null;
  };
}

/** Somebody asks the server for a sign of life, and everybody is told. */
function probes(): Monitor {
  let written = 0;
  let told = 0;
  let before = false;
  return (happening) => {
    if (happening.type === 'action' && happening.name === 'writeProbe') written += 1;
    if (happening.type === 'emitted' && happening.event.type === 'probing') told += 1;
    if (happening.type !== 'settled') return;
    const probing = regionOf(clientOf(happening.rig), 'link') === 'connected.live.ready.probing';
    assert.is(written, told, 'every probe is told of');
    if (probing && !before) assert.ok(written > 0, 'who waits for an answer has asked');
    written = told = 0;
    before = probing;
  };
}

const client = (settings: Settings): Laws => ({
  invariants: {
    ...plain,
    'C.8.2: nothing is left of a run that is over': (rig) => {
      const snapshot = clientOf(rig);
      if (isRunning(snapshot)) return;
      assert.equal([regionOf(snapshot, 'session'), Object.keys(snapshot.children)], ['none', []]);
      assert.equal(rig.clock.pending, []);
    },
    'C.8.2: a transport exists while the link is connected, and no longer': (rig) => {
      const snapshot = clientOf(rig);
      const connected = regionOf(snapshot, 'link').startsWith('connected');
      assert.equal(
        ['transport', 'stream'].map((id) => id in snapshot.children),
        [connected, connected],
      );
    },
    'C.8.4: a session is known as long as there is one, by a full JID': (rig) => {
      const snapshot = clientOf(rig);
      const { session, jid } = snapshot.context;
      assert.is(session === null, regionOf(snapshot, 'session') === 'none');
      if (session !== null) assert.equal([session.jid, FULL_JID.test(session.jid)], [jid, true]);
      if (regionOf(snapshot, 'link').startsWith('connected.live')) assert.is.not(session, null);
    },
    'every state shows one phase': (rig) => {
      assert.is(clientOf(rig).tags.size, 1);
    },
    'every wait has a way out: a timer is armed': (rig) => {
      const snapshot = clientOf(rig);
      const link = regionOf(snapshot, 'link');
      const isInert = !('machine' in ((snapshot.children.stream ?? snapshot.children.backoff)?.getSnapshot() ?? {}));
      const isHeld = link === 'waiting' && regionOf(snapshot, 'network') === 'offline';
      if (!isRunning(snapshot) || isHeld || (CARRIED.test(link) && isInert)) return;
      assert.ok(rig.clock.pending.length > 0, link);
    },
    'only a session that can be resumed is kept when its connection is gone': (rig) => {
      const snapshot = clientOf(rig);
      if (regionOf(snapshot, 'session') !== 'held.detached') return;
      assert.ok(snapshot.context.session?.ticket?.id != null);
      assert.ok(rig.clock.pending.length > 0, 'until its time is over');
      assert.not(regionOf(snapshot, 'link').startsWith('connected.live'));
    },
    'no second session where none is wanted': (rig) => {
      const { context, value } = clientOf(rig);
      if (settings.allowImplicitReconnect || !context.reached || context.session !== null) return;
      assert.ok(!isRunning(clientOf(rig)) || leavesOf(value.link).match(/negotiating|closing|leaving/));
    },
  },
  monitors: {
    'C.8.1, 2, 5, 6, 7: what is announced makes sense': announcements,
    'C.8.2, 5: what the shell holds is let go once': holding,
    'C.8.8, 9, 10: attempts': () => attempts(settings),
    'C.8.16: the gate is open while the link is live': gate,
    'C.8.25: what is asked of the server': requests,
    'gaps are measured': gaps,
    'probes are told of': probes,
  },
});

/** Where the stream is on its way; only `reset` leads back. */
const ORDER = [
  'READY',
  'CONNECTED.STREAM_HEADER_SENT',
  'CONNECTED.OPEN',
  'CLOSING',
  'CLOSING_STREAM_FOOTER_RECEIVED',
  'CLOSED',
];

function streaming(): Monitor {
  let before = 'READY';
  let reset = false;
  let footer = false;
  const written: string[] = [];
  let closed = false;
  return (happening) => {
    if (happening.type === 'move') reset = happening.label === 'reset';
    if (happening.type === 'action' && happening.name === 'closeTransport') {
      assert.not(closed, 'a connection is closed once');
      closed = true;
    }
    if (happening.type === 'action' && happening.name === 'write') {
      const { kind } = happening.params as WireCommand;
      assert.not(footer, 'nothing is written after the footer');
      if (written.includes('error')) assert.is(kind, 'footer', 'only the footer follows an error');
      if (kind === 'header') assert.ok(written.length === 0 || reset, 'one header a stream');
      else assert.ok(written.includes('header'), 'the header comes first');
      footer = kind === 'footer';
      written.push(kind);
    }
    if (happening.type !== 'settled') return;
    const { value, status } = snapshotOf(happening.rig);
    const now = leavesOf(value);
    if (!reset) assert.ok(ORDER.indexOf(now) >= ORDER.indexOf(before), `${before} leads back to ${now}`);
    if (now === 'CONNECTED.STREAM_HEADER_SENT') assert.is(written.at(-1), 'header');
    if (now === 'CLOSING') assert.ok(footer, 'whoever closes says so');
    if (now === 'CLOSING_STREAM_FOOTER_RECEIVED') assert.ok(closed, 'what is over on both sides is closed');
    assert.is(status === 'done', now === 'CLOSED');
    before = now;
  };
}

/** The cause is what came first; who closes without a word has none. */
function causes(): Monitor {
  let cause: Failure | null = null;
  let known = false;
  let header = false;
  return (happening) => {
    if (happening.type === 'step') {
      const event = happening.event as { type: string; failure?: Failure | null; fault?: string | null };
      if (event.type === 'transport.connected') header = true;
      const isEnd = 'failure' in event && !known;
      // Nothing is heard of a connection before there is one, but that there is none.
      const isAudible = header || ['transport.lost', 'abort', 'close'].includes(event.type);
      if (isEnd && isAudible) {
        cause = event.failure ?? null;
        known = true;
      }
      if (event.type === 'stream.header' && event.fault != null && happening.taken.length > 0) known = true;
      if (event.type.startsWith('xstate.after')) known = true;
    }
    if (happening.type !== 'settled') return;
    const { context, status } = snapshotOf(happening.rig);
    if (cause !== null) assert.is(context.cause, cause, 'the first cause is the cause');
    if (known && cause === null && status === 'done') assert.ok(context.cause === null || context.cause.text);
  };
}

const stream: Laws = {
  invariants: {
    ...plain,
    'every wait has a way out: a timer is armed': (rig) => {
      const { value, status } = snapshotOf(rig);
      // An open stream waits for nothing; its owner watches over it.
      if (status === 'active') assert.is(rig.clock.pending.length, leavesOf(value) === 'CONNECTED.OPEN' ? 0 : 1);
      else assert.equal(rig.clock.pending, []);
    },
  },
  monitors: { 'C.8.11: streams move forward, and nothing follows the footer': streaming, 'one cause': causes },
};

type Negotiation = SnapshotFrom<typeof negotiationMachine>;

/** What the server may answer to what it was asked. */
const ANSWERS: Record<string, readonly string[]> = {
  starttls: ['starttls.proceed', 'starttls.failure'],
  resume: ['sm.resumed', 'sm.failed'],
  bind: ['bind.result', 'bind.error'],
  enable: ['sm.enabled', 'sm.failed'],
  session: ['legacy.result', 'legacy.error'],
};

/** Which steps come in which order, and what they were asked with. */
function steps(): Monitor {
  const asked: WireCommand[] = [];
  let owed: WireCommand | null = null;
  let restarted = 0;
  let secured = false;
  let authenticated = false;
  let handshaking = false;
  return (happening) => {
    if (happening.type === 'step') {
      const { type } = happening.event;
      if (type === 'tls.secured' && handshaking) secured = true;
      if (type === 'xstate.done.actor.sasl') {
        authenticated = (happening.event as unknown as { output: { type: string } }).output.type === 'authenticated';
      }
      if (owed !== null && (ANSWERS[owed.kind] ?? []).includes(type)) {
        assert.ok(happening.taken.length > 0, `${type} answers ${owed.kind}`);
        owed = null;
      }
      if (type.startsWith('xstate.after')) owed = null;
      handshaking = false;
    }
    if (happening.type === 'action') {
      if (happening.name === 'secure') {
        assert.is(asked.at(-1)?.kind, 'starttls');
        handshaking = true;
      }
      if (happening.name === 'restart') restarted += 1;
      if (happening.name === 'write') {
        const command = happening.params as WireCommand;
        assert.is(owed, null, 'one thing at a time');
        assert.not(
          asked.some(({ kind }) => kind === command.kind),
          `${command.kind} is asked for once`,
        );
        asked.push(command);
        owed = command;
      }
    }
    if (happening.type !== 'settled') return;
    const snapshot = snapshotOf(happening.rig) as unknown as Negotiation;
    handshaking = snapshot.matches({ securing: 'handshaking' });
    const { context } = snapshot;
    const kinds = asked.map(({ kind }) => kind);
    assert.is(restarted, Number(secured) + Number(authenticated), 'TLS and SASL each start the stream anew');
    assert.is(context.choice !== null, authenticated);
    if (snapshot.matches('authenticating')) assert.ok(secured || context.tls !== 'required', 'no login in clear');
    if (kinds.includes('bind') || kinds.includes('resume')) assert.ok(authenticated, 'first who, then what');
    for (const command of asked) {
      if (command.kind === 'resume') assert.is(command.previd, 'previous');
      if (command.kind === 'bind') assert.is(command.resource, context.resource);
      if (command.kind === 'enable') assert.equal([command.resume, command.max], [context.sm?.resume, context.sm?.max]);
    }
    if (kinds.includes('bind')) {
      assert.ok(context.freshAllowed, 'no new session where none is wanted');
      assert.is(context.previd, null, 'the old session is forgotten');
    }
    const { output, status } = snapshot;
    if (status !== 'done') return;
    assert.is.not(output, undefined);
    if (output?.type === 'resumed') assert.ok(kinds.includes('resume') && !kinds.includes('bind'));
    if (output?.type === 'bound') {
      assert.ok(kinds.includes('bind'));
      assert.is(output.jid, 'me@example.org/home');
      assert.ok(output.ticket === null || kinds.includes('enable'));
      assert.is(kinds.includes('enable'), output.features.sm, 'SM is asked for where it is offered');
      assert.is(
        kinds.includes('session'),
        output.features.session === 'required',
        'and a session where it is demanded',
      );
      assert.is(output.trust.security !== null, secured);
    }
    if (output?.type === 'refused') assert.is.not(output.failure, null, 'whoever refuses says why');
  };
}

const negotiation: Laws = {
  invariants: {
    ...plain,
    'every wait has a way out: a timer is armed': (rig) => {
      const snapshot = snapshotOf(rig);
      const isCarried = snapshot.matches('authenticating');
      assert.is(rig.clock.pending.length, snapshot.status === 'active' && !isCarried ? 1 : 0);
      assert.is('sasl' in snapshot.children, isCarried);
    },
  },
  monitors: { 'the steps of RFC 6120 §4.3 and XEP-0198 in their order': steps, 'who is late is told apart': lateness },
};

/** A step that takes too long is blamed on the stage it belongs to. */
function lateness(): Monitor {
  let stage: unknown = null;
  let late: unknown = null;
  return (happening) => {
    if (happening.type === 'step' && happening.event.type.startsWith('xstate.after')) late = stage;
    if (happening.type !== 'settled') return;
    const { tags, context, status } = snapshotOf(happening.rig);
    if (late !== null) {
      assert.equal(
        [status, context.failure.kind, context.failure.stage, context.failure.retry],
        ['done', 'timeout', late, 'backoff'],
      );
    }
    [stage] = tags;
  };
}

/** What the mechanisms are tried for, and what becomes of it. */
function exchange(): Monitor {
  let before = 'selecting';
  let condition: string | null = null;
  let aborts = 0;
  let asked = 0;
  let verified = false;
  let cause: string | null = null;
  const refusedHere = new Set<string>();
  return (happening) => {
    if (happening.type === 'move') {
      aborts = 0;
      cause = happening.label;
    }
    if (happening.type === 'step') {
      const event = happening.event as { type: string; condition?: string; output?: unknown };
      if (event.type === 'sasl.failure' && happening.taken.length > 0) condition = event.condition ?? null;
      if (event.type === 'xstate.done.actor.verify') verified = true;
    }
    if (happening.type === 'action' && happening.name === 'writeAbort') aborts += 1;
    if (happening.type === 'action' && happening.name === 'xstate.spawnChild') {
      if ((happening.params as { id?: string }).id === 'credentials') asked += 1;
    }
    if (happening.type !== 'settled') return;
    const snapshot = snapshotOf(happening.rig) as unknown as SnapshotFrom<typeof saslMachine>;
    const context: SaslContext = snapshot.context;
    const now = leavesOf(snapshot.value);
    const ours = cause === 'timer 1' || cause?.endsWith('fails');
    if (cause !== null && now !== before) {
      const isMidway = before === 'exchanging' || before === 'responding';
      assert.is(aborts, isMidway && ours ? 1 : 0, 'whoever gives up in the middle says so, and nobody else');
    }
    const refusals = ['not-authorized', 'temporary-auth-failure', 'invalid-mechanism', 'aborted'];
    if (cause !== null && refusals.includes(cause) && condition === cause && !['failed', 'asking'].includes(now)) {
      assert.is(now, before, 'a refusal ends an exchange');
    }
    if (cause === 'invalid-mechanism' && now === 'asking' && before !== 'asking' && !context.unbound) {
      assert.ok(context.refused.length > 0, 'what was refused is not tried again');
    }
    if (context.choice !== null && now !== 'failed') assert.not(context.refused.includes(context.choice.mechanism));
    if (context.unbound && context.choice !== null && now !== 'failed') assert.is(context.choice.binding, null);
    if (context.choice !== null) refusedHere.add(`${context.choice.mechanism} ${context.retries}`);
    // Once for each mechanism, or for each time that other credentials are wanted.
    assert.ok(asked <= refusedHere.size, 'nobody is asked more often than there is something new to ask');
    assert.ok(context.retries < Math.max(1, context.asks), 'nor more often than agreed');
    const { status, output } = snapshot;
    if (status === 'done') {
      assert.is(output?.type === 'authenticated', verified, 'only a server that was verified is trusted');
      if (output?.type === 'authenticated') assert.is(output.choice, context.choice);
      if (output?.type === 'failed') {
        assert.is.not(output.failure, null, 'whoever fails says why');
        if (refusals.includes(cause ?? '')) assert.is(output.failure.condition, cause);
        if (cause === 'timer 1') assert.equal([output.failure.kind, output.failure.retry], ['timeout', 'backoff']);
        if (cause === 'sasl.success') assert.is(output.failure.kind, 'protocol');
        if (cause === 'no credentials') assert.is.not(output.failure.condition, undefined);
      }
    }
    before = now;
  };
}

/** The child that each state of SASL waits for. */
const SASL_CHILDREN: Record<string, readonly string[]> = {
  asking: ['credentials'],
  initiating: ['initiate'],
  responding: ['respond'],
  verifying: ['verify'],
};

const sasl: Laws = {
  invariants: {
    ...plain,
    'every wait has a way out: a timer is armed': (rig) => {
      assert.is(rig.clock.pending.length, snapshotOf(rig).status === 'active' ? 1 : 0);
    },
    'each step is done by whoever can': (rig) => {
      const { value, children } = snapshotOf(rig);
      assert.equal(Object.keys(children), SASL_CHILDREN[leavesOf(value)] ?? []);
    },
  },
  monitors: { 'RFC 6120 §6: an exchange ends as it was carried on': exchange },
};

/** The pause is over when it was to last no longer, when somebody is impatient, or when a network has come back. */
function pausing(input: { readonly delay: number; readonly offline: boolean }): Monitor {
  let offline = input.offline;
  let over = false;
  return (happening) => {
    if (happening.type === 'step') {
      const { type } = happening.event;
      if (type === 'retry' || (!offline && (type === 'wake' || type.startsWith('xstate.after')))) over = true;
      if (offline && type === 'network.online') over = true;
      if (type === 'network.offline') offline = true;
    }
    if (happening.type !== 'settled') return;
    const { status } = snapshotOf(happening.rig);
    assert.is(status === 'done', over);
    assert.equal(happening.rig.clock.pending, over || offline ? [] : [input.delay]);
  };
}

/** What holds for a machine that was started with an input. */
export function lawsOf(machine: string, input: unknown): Laws {
  switch (machine) {
    case 'client':
      return client((input as { settings: Settings }).settings);
    case 'stream':
      return stream;
    case 'negotiation':
      return negotiation;
    case 'sasl':
      return sasl;
    case 'backoff':
      return { invariants: plain, monitors: { pauses: () => pausing(input as Parameters<typeof pausing>[0]) } };
    default:
      throw new Error(`nothing is known of what holds for ${machine}`);
  }
}
