/**
 * What holds for the machines whatever happens, by the numbers of C.8: `invariants` in every state, `monitors` over every
 * way there. A number that is not here is about bytes, and held by the tests that `invariants.ts` names.
 */
import * as assert from 'uvu/assert';
import type { ActorRefFrom, AnyMachineSnapshot, SnapshotFrom } from 'xstate';
import { retryDelay } from '../../machines/backoff.ts';
import type { ClientEmitted, clientMachine, WantedPresence } from '../../machines/client.ts';
import type { DiscoContext } from '../../machines/disco.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Failure } from '../../machines/failure.ts';
import type { NegotiationOutput, negotiationMachine, Trust } from '../../machines/negotiation.ts';
import type { SaslContext, saslMachine } from '../../machines/sasl.ts';
import type { StreamOutput } from '../../machines/stream.ts';
import type { Features, WireCommand } from '../../machines/wire.ts';
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

/** What an application does to end a run. */
const STOPS: readonly string[] = ['stop', 'wants to be gone'];

/** Who may speak when: an established session, its interruptions, and the run around them. */
function announcements(): Monitor {
  let run: 'none' | 'going' | 'stopping' = 'none';
  let session: 'none' | 'held' | 'suspended' = 'none';
  /** Another run begins at the end of this one. */
  let again = false;
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
        assert.ok(session === 'suspended' || run === 'stopping', 'a connection is lost before its session is');
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
    run = again ? 'going' : 'none';
    again = false;
    destructions = establishments = 0;
  };

  return (happening) => {
    if (isHeard(happening, 'start')) {
      // What is emitted comes behind all steps, also the end of the run before.
      if (run === 'none') run = 'going';
      else {
        assert.is(run, 'stopping', 'a start in a run');
        again = true;
      }
    }
    // A stop counts also where nobody hears it, which must not be.
    if (happening.type === 'move' && STOPS.includes(happening.label) && run === 'going') run = 'stopping';
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
  let replayed = false;
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
      if (name === 'replay') {
        assert.ok(held && announced, 'only a session that is held is taken up again');
        replayed = true;
      }
    }
    if (happening.type === 'emitted') {
      const event = happening.event as ClientEmitted;
      if (event.type === 'established') announced = true;
      if (event.type === 'resumed') assert.ok(replayed, 'what was not handled is sent again first');
      if (event.type === 'destroyed')
        assert.equal(event.reason, destroyed, 'the shell and the application hear one reason');
      if (event.type === 'stopped' || event.type === 'failure') {
        assert.ok(ended, 'what waits is let go before the end of a run is announced');
      }
    }
    if (happening.type === 'move') replayed = false;
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
    // Another run may begin in the instant in which one ends.
    if (happening.type === 'settled') over = !isRunning(clientOf(happening.rig));
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

/** What the machine knows of its session, and what ends it. */
function sessions(): Monitor {
  let before = 'none';
  let bound: NegotiationOutput | null = null;
  let trust: Trust | undefined;
  let offered: Features | null = null;
  let refused = false;
  let hopeless = false;
  let online: boolean | null = null;
  return (happening) => {
    if (happening.type === 'step') {
      const event = happening.event as { type: string; output?: NegotiationOutput; failure?: Failure };
      if (event.type === 'session.bound' && event.output !== undefined) bound = event.output;
      if (event.type === 'xstate.done.actor.negotiation' && event.output?.type !== 'refused')
        trust = event.output?.trust;
      if (event.type === 'sm.failed' && happening.by === 'client' && happening.taken.length > 0) refused = true;
      if (event.type === 'features' && happening.by === 'client' && happening.taken.length > 0) {
        offered = (happening.event as unknown as { features: Features }).features;
      }
      if (event.type === 'session.cut' && event.failure !== undefined) {
        const { stage, kind } = event.failure;
        // Peers that disagree on what was said have no session any more, nor has one that another has taken over.
        const isOver = kind === 'conflict' || (kind === 'protocol' && before === 'held.attached');
        hopeless = isOver || (stage === 'resume' && (kind === 'protocol' || kind === 'stream'));
      }
    }
    if (happening.type === 'emitted' && happening.event.type === 'online') {
      online = (happening.event as unknown as { resumed: boolean }).resumed;
    }
    if (happening.type !== 'settled') return;
    const snapshot = clientOf(happening.rig);
    const { session, jid, endpoint, reached, resumed, failure } = snapshot.context;
    const now = regionOf(snapshot, 'session');
    if (bound?.type === 'bound' && session !== null) {
      assert.equal(
        session,
        { jid: bound.jid, ticket: bound.ticket, endpoint },
        'the session is the one that was bound',
      );
      assert.is(jid, bound.jid);
    }
    if (offered !== null) assert.is(snapshot.context.features, offered, 'the features are those of this stream');
    if (trust !== undefined) assert.equal(snapshot.context.trust, trust, 'how far the connection is to be trusted');
    trust = undefined;
    if (before === 'held.detached' && refused) assert.is(now, 'none', 'a session that is refused is gone at once');
    if (hopeless && before !== 'fresh') assert.is(now, 'none', 'a session that cannot be resumed is gone at once');
    if (online !== null && snapshot.hasTag('online')) {
      assert.equal([reached, resumed, failure], [true, online, null], 'what is known of being online');
    }
    // Later connections are elsewhere, and the session stays where it was bound.
    if (!now.startsWith('held.attached') || online !== null) bound = null;
    refused = hopeless = false;
    online = null;
    before = now;
  };
}

const PASSED_TO_STREAM = /^(transport\.|stream\.(header|footer|error|violation)$)/;
const PASSED_TO_NEGOTIATION = /^(features|starttls\.|tls\.|sasl\.|bind\.|sm\.|legacy\.)/;
const PASSED_TO_BACKOFF = /^(retry|wake|network\.(on|off)line)$/;

/** Whether what is heard in a state of the link concerns a machine below. */
function isPassedOn(link: string, type: string): boolean {
  if (link.startsWith('connected') && PASSED_TO_STREAM.test(type)) return true;
  if (link === 'connected.negotiating' && PASSED_TO_NEGOTIATION.test(type)) return true;
  return link === 'waiting' && PASSED_TO_BACKOFF.test(type);
}

const ENDED = /^(stream\.(error|footer|violation)|transport\.ended)$/;

/** Where an event leads the link; undefined where that is up to more than the state and the event. */
function nextLink(link: string, event: { type: string; output?: unknown }, isStuck: boolean): RegExp | undefined {
  const { type } = event;
  const connected = link.startsWith('connected');
  const leaving = link === 'connected.leaving' || link === 'connected.live.draining';
  const ready = link.startsWith('connected.live.ready');
  if (type === 'start') return /^(down|failed)$/.test(link) ? /^resolving$/ : undefined;
  if (type === 'stop') {
    if (link === 'connected.live.draining' || (link.startsWith('connected.live') && isStuck)) return /draining$/;
    if (connected) return /^connected\.leaving$/;
    return /^(resolving|waiting)$/.test(link) ? /^down$/ : undefined;
  }
  if (connected && ENDED.test(type)) return leaving ? /^connected\.leaving$/ : /^connected\.closing$/;
  if (link === 'connected.dialing' && type === 'transport.connected') return /^connected\.negotiating$/;
  if (link === 'connected.live.draining' && (type === 'flow.free' || type.startsWith('transport.'))) return /leaving$/;
  if (/^xstate\.(done|error)\.actor\.stream$/.test(type)) {
    return leaving ? /^down$/ : /^(resolving|connected\.dialing|waiting|failed)$/;
  }
  if (type === 'xstate.done.actor.negotiation') {
    const { type: outcome } = event.output as { type: string };
    return { bound: /preparing$/, resumed: /ready/, refused: /closing$/ }[outcome];
  }
  if (type === 'xstate.done.actor.prepare') return /ready/;
  if (type === 'xstate.error.actor.prepare') return /closing$/;
  if (type === 'xstate.done.actor.backoff') return /^(resolving|connected\.dialing)$/;
  if (type === 'xstate.done.actor.resolve') {
    if ((event.output as unknown[]).length > 0) return /^connected\.dialing$/;
    return /^(resolving|waiting|failed)$/;
  }
  if (ready && link !== 'connected.live.ready.silent' && /^(probe|wake|network\.online)$/.test(type)) return /probing$/;
  if (link === 'connected.live.ready.probing' && type === 'flow.heard') return /(quiet|owed)$/;
  return undefined;
}

/** Where the link goes for what is heard, that it is heard, and what is passed on to the machines below. */
function links(): Monitor {
  let before = 'down';
  let event: { type: string; output?: unknown } | null = null;
  let first = false;
  let again = false;
  let asleep = false;
  let isInert = false;
  let told = 0;
  let owed = false;
  let stuck = false;
  return (happening) => {
    if (happening.type === 'ignored') {
      const { label } = happening;
      assert.is(nextLink(before, { type: label }, stuck), stops(before, label), `${before} does not hear ${label}`);
      assert.not(isPassedOn(before, label), `${label} is not passed on in ${before}`);
      const isFlow = /^flow\.(waiting|drained|stuck|free)$/.test(label);
      assert.not(isFlow && before.startsWith('connected.live'), `${before} does not hear ${label}`);
    }
    if (happening.type === 'move') {
      // Several timers may fire one after the other.
      first = !happening.label.startsWith('timer');
      asleep = happening.label.endsWith('in sleep');
      again = false;
      event = null;
      told = 0;
    }
    if (happening.type === 'step' && happening.by === 'client') {
      // Where somebody wants to be seen again, the end of a run is the beginning of another.
      if (!first && happening.event.type === 'start') again = event?.type !== 'presence.set';
      if (first) event = happening.event as typeof event;
      first = false;
    }
    if (happening.type === 'action' && happening.by === 'client' && happening.name === 'xstate.sendTo') told += 1;
    if (happening.type !== 'settled') return;
    const now = regionOf(clientOf(happening.rig), 'link');
    if (event !== null) {
      const { type } = event;
      const want = nextLink(before, event, stuck);
      if (want !== undefined && (isInert || !before.startsWith('connected')))
        assert.match(again ? 'down' : now, want, `${type} in ${before}`);
      if (isPassedOn(before, type)) assert.ok(isInert ? told === 1 : told > 0, `${type} is passed on in ${before}`);
      if (before.startsWith('connected.live')) {
        if (type === 'flow.waiting') owed = true;
        if (type === 'flow.drained') owed = false;
        if (type === 'flow.stuck') stuck = true;
        if (type === 'flow.free') stuck = false;
      }
    }
    const {
      children: { stream },
      context,
    } = clientOf(happening.rig);
    // With the real ones below, what is passed on may have its consequences at once.
    isInert = stream !== undefined && !('machine' in stream.getSnapshot());
    if (asleep && before.endsWith('probing')) assert.is(now, before, 'who has slept asks again');
    if (now.endsWith('draining') && now !== before) {
      const { stopBy, settings } = clientOf(happening.rig).context;
      assert.is(stopBy, happening.rig.clock.now() + settings.shutdownTimeout, 'the whole time is there for a stop');
    }
    if (!now.startsWith('connected.live')) owed = stuck = false;
    else assert.equal([context.owed, context.stuck], [owed, stuck], 'what is heard of the stanzas is known');
    if (now.endsWith('quiet')) assert.not(owed, 'whoever is owed nothing is quiet');
    if (now.endsWith('owed')) assert.ok(owed, 'whoever is owed something waits for it');
    before = now;
  };
}

const SOURCES = ['location', 'application', 'discovery'];

/** Sources are asked in their order, and where they lead is tried in theirs; who is sent elsewhere goes there first. */
function places(): Monitor {
  let before = 'down';
  let source = '';
  let asked: string | null = null;
  let named: readonly Endpoint[] = [];
  let sent: string | null = null;
  let dials = 0;
  let timeouts = 0;
  let ends = 0;
  let end = '';
  let isLong = false;
  let failed: Failure | null = null;
  let fresh = false;
  let nobody = false;
  return (happening) => {
    if (happening.type === 'move') {
      dials = timeouts = ends = 0;
      isLong = /^timer [^1]/.test(happening.label);
      nobody = false;
      asked = failed = null;
    }
    if (happening.type === 'step' && happening.by === 'client' && happening.taken.length > 0) {
      const event = happening.event as {
        type: string;
        output?: readonly Endpoint[];
        redirect?: { host: string } | null;
      };
      if (event.type === 'start') [named, sent, fresh] = [[], null, true];
      if (event.type === 'xstate.error.actor.resolve')
        failed = (happening.event as unknown as { error: Failure }).error;
      if (event.type.startsWith('xstate.after.step') && before === 'resolving') timeouts += 1;
      if (/^xstate\.(done|error)\.actor\.stream$/.test(event.type) && !/leaving|draining/.test(before)) {
        ends += 1;
        end = (event.output as unknown as StreamOutput | undefined)?.cause?.kind ?? 'internal';
      }
      if (event.type === 'xstate.done.actor.resolve') {
        named = event.output ?? [];
        nobody = named.length === 0;
        asked = source;
      }
      // Who is on the way out already goes nowhere else.
      const isLeaving = /closing|leaving|draining/.test(before);
      if (event.type === 'stream.error' && event.redirect != null && !isLeaving) sent = event.redirect.host;
    }
    if (happening.type === 'action' && happening.name === 'xstate.spawnChild') {
      if ((happening.params as { id?: string }).id === 'transport') dials += 1;
    }
    if (happening.type !== 'settled') return;
    const snapshot = clientOf(happening.rig);
    const { sweep, endpoint } = snapshot.context;
    const link = regionOf(snapshot, 'link');
    if (fresh && !isLong)
      assert.equal([sweep.source, sweep.failures], ['location', []], 'a run begins with the first source');
    fresh = false;
    if (failed !== null) assert.equal(sweep.failures.at(-1), failed, 'what went wrong is remembered');
    // Between two timers more than that may have happened.
    if (ends === 1 && !isLong && link !== 'down') {
      assert.is(sweep.failures.at(-1)?.kind, end, 'what ended a connection is remembered');
    }
    if (timeouts === 1 && link !== 'down' && before === 'resolving') {
      assert.equal([sweep.failures.at(-1)?.kind, sweep.failures.at(-1)?.stage], ['timeout', 'resolve']);
    }
    if (nobody && asked !== null) {
      const next = SOURCES[SOURCES.indexOf(asked) + 1];
      if (next !== undefined) assert.equal([link, sweep.source], ['resolving', next], 'the next source is asked');
      else assert.is.not(link, 'resolving', 'whoever was asked last is not asked again at once');
    }
    if (dials === 1) {
      assert.is(endpoint?.host, sent ?? named[0]?.host, 'what is named first is tried first');
      if (sent === null) named = named.slice(1);
      sent = null;
    }
    if (link === 'waiting') named = [];
    source = sweep.source ?? '';
    before = link;
  };
}

/** Further stops and probes, which are kept from what is around them. */
const stops = (link: string, label: string): RegExp | undefined =>
  (label === 'stop' && /leaving|draining/.test(link)) ||
  (/^(probe|wake|network\.online)$/.test(label) && /probing$/.test(link))
    ? nextLink(link, { type: label }, true)
    : undefined;

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
  let talking = false;
  return (happening) => {
    if (happening.type === 'move') talking = happening.label === 'timer 1, not in silence';
    if (happening.type === 'action' && happening.name === 'writeProbe') {
      assert.not(talking, 'a server that talks is not asked whether it is there');
      written += 1;
    }
    if (happening.type === 'emitted' && happening.event.type === 'probing') told += 1;
    if (happening.type !== 'settled') return;
    const probing = regionOf(clientOf(happening.rig), 'link') === 'connected.live.ready.probing';
    assert.is(written, told, 'every probe is told of');
    if (probing && !before) assert.ok(written > 0, 'who waits for an answer has asked');
    written = told = 0;
    before = probing;
  };
}

/** The wanted presence goes out first in every session, and not again when one goes on, unless it is another by then. */
function presences(): Monitor {
  let wanted = false;
  let announced = false;
  let changed = false;
  let resumed = false;
  let written = 0;
  let region = 'hidden';
  let withdrawn = false;
  return (happening) => {
    if (happening.type === 'move') withdrawn = happening.label === 'wants to be gone';
    if (happening.type === 'step' && happening.by === 'client') {
      const { event } = happening;
      if (event.type === 'presence.set') wanted = (event as { presence?: WantedPresence }).presence?.available === true;
      if (event.type.startsWith('presence.')) changed = true;
    }
    if (happening.type === 'action' && happening.name === 'announcePresence') {
      assert.not(announced, 'announced twice in a session');
      announced = true;
    }
    if (happening.type === 'action' && happening.name === 'writePresence') written += 1;
    if (happening.type === 'emitted') {
      if (happening.event.type === 'established')
        assert.is(announced, wanted, 'what is wanted is announced, and nothing else');
      if (happening.event.type === 'destroyed') announced = false;
      if (happening.event.type === 'suspended') changed = false;
      if (happening.event.type === 'resumed') resumed = true;
    }
    if (happening.type !== 'settled') return;
    if (resumed && !changed) assert.is(written, 0, 'nothing new, and told again');
    assert.ok(written <= 1, 'told once at a time');
    if (withdrawn && region === 'announced') assert.is(written, 1, 'who leaves says so');
    region = leavesOf(clientOf(happening.rig).value.presence);
    resumed = false;
    written = 0;
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
    'C.8.26: whoever is to be seen and has a session is seen': (rig) => {
      const { value, context } = clientOf(rig);
      const region = value.presence;
      const isHeld = regionOf(clientOf(rig), 'session').startsWith('held');
      if (!context.presence.available) assert.is(region, 'hidden');
      else if (clientOf(rig).hasTag('disconnecting')) return;
      else assert.ok(isHeld ? /announced|outdated|returning/.test(region) : /withheld|returning/.test(region), region);
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
    'C.8.26: presence is told once a session': presences,
    'C.8.4, 6: what is known of a session, and what ends it': sessions,
    'what is heard, and where it leads': links,
    'where it connects to': places,
    'gaps are measured': gaps,
    'probes are told of': probes,
  },
});

/**
 * RFC 6120 §4.4 as a table: what is written and done for what happens in a state, and the state that follows. Whatever is
 * not here is not heard.
 */
const LOST = { 'transport.lost': 'CLOSED', abort: 'CLOSED' };
const CONNECTED = {
  ...LOST,
  'stream.error': 'footer CLOSING',
  'stream.violation': 'error footer CLOSING',
  'stream.footer': 'footer closeTransport CLOSING_STREAM_FOOTER_RECEIVED',
  'transport.ended': 'closeTransport CLOSING_STREAM_FOOTER_RECEIVED',
  close: 'footer CLOSING',
  'close in a hurry': 'footer CLOSING',
  'close for a reason': 'footer CLOSING',
  'close in anger': 'error footer CLOSING',
};
const STREAM: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  READY: {
    ...LOST,
    'transport.securing': 'READY',
    'transport.connected': 'header CONNECTED.STREAM_HEADER_SENT',
    close: 'CLOSED',
    'close in a hurry': 'CLOSED',
    'close for a reason': 'CLOSED',
    'close in anger': 'CLOSED',
    'timer 1': 'CLOSED',
  },
  'CONNECTED.STREAM_HEADER_SENT': {
    ...CONNECTED,
    // Who has said nothing yet is not waited for.
    close: 'footer closeTransport CLOSING_STREAM_FOOTER_RECEIVED',
    'close in a hurry': 'footer closeTransport CLOSING_STREAM_FOOTER_RECEIVED',
    'close for a reason': 'footer closeTransport CLOSING_STREAM_FOOTER_RECEIVED',
    'stream.header': 'CONNECTED.OPEN',
    'bad header': 'error footer CLOSING',
    'timer 1': 'footer CLOSING',
  },
  'CONNECTED.OPEN': { ...CONNECTED, reset: 'header CONNECTED.STREAM_HEADER_SENT' },
  CLOSING: {
    ...LOST,
    'stream.footer': 'closeTransport CLOSING_STREAM_FOOTER_RECEIVED',
    'transport.ended': 'closeTransport CLOSING_STREAM_FOOTER_RECEIVED',
    'timer 1': 'CLOSED',
  },
  CLOSING_STREAM_FOOTER_RECEIVED: { ...LOST, 'timer 1': 'CLOSED' },
};

function streaming(): Monitor {
  let before = 'READY';
  let move: string | null = null;
  let acts: string[] = [];
  return (happening) => {
    if (happening.type === 'ignored')
      assert.is(STREAM[before]?.[happening.label], undefined, `${before} does not hear`);
    if (happening.type === 'move') {
      move = happening.label;
      acts = [];
    }
    if (happening.type === 'action') {
      if (happening.name === 'write') acts.push((happening.params as WireCommand).kind);
      if (happening.name === 'closeTransport') acts.push(happening.name);
    }
    if (happening.type !== 'settled') return;
    const { value, status } = snapshotOf(happening.rig);
    const now = leavesOf(value);
    if (move !== null) assert.is([...acts, now].join(' '), STREAM[before]?.[move], `${move} in ${before}`);
    assert.is(status === 'done', now === 'CLOSED');
    before = now;
  };
}

/** The cause is what came first; who closes without a word has none, and may be in a hurry. */
function causes(): Monitor {
  let cause: Failure | null | undefined;
  let before = 'READY';
  let dialing = 'connect';
  let event: { type: string; failure?: Failure | null; within?: number } = { type: '' };
  return (happening) => {
    if (happening.type === 'step' && happening.taken.length > 0) event = happening.event as typeof event;
    if (event.type === 'transport.securing') dialing = 'tls';
    if (happening.type !== 'settled') return;
    const { context, value } = snapshotOf(happening.rig);
    const now = leavesOf(value);
    const isEnd = before !== now && (now.startsWith('CLOS') as boolean);
    if (isEnd && cause === undefined) {
      cause = 'failure' in event ? event.failure : context.cause;
      const { type } = event;
      if (type.startsWith('xstate.after')) {
        assert.equal([context.cause?.kind, context.cause?.stage], ['timeout', before === 'READY' ? dialing : 'stream']);
      }
      if (type === 'stream.header')
        assert.equal([context.cause?.kind, context.cause?.condition], ['protocol', HEADER_FAULT]);
      if (now === 'CLOSING' && event.within !== undefined) {
        assert.equal(happening.rig.clock.pending, [happening.rig.clock.now() + event.within]);
      }
    }
    assert.is(context.cause, cause ?? null, 'the first cause is the cause');
    before = now;
  };
}

/** What is wrong with the bad header of the moves. */
const HEADER_FAULT = 'invalid-namespace';

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
  monitors: {
    'the steps of RFC 6120 §4.3 and XEP-0198 in their order': steps,
    'who is late is told apart': lateness,
    'what comes next': decisions,
  },
};

/** What comes next when features have come: the order of RFC 6120 §4.3.5 and XEP-0198 §5, with what our side insists on. */
function nextStep({ context }: Negotiation, features: Features): string {
  const { tls, previd, freshAllowed, security, choice } = context;
  if (security === null && tls !== 'off' && features.starttls !== null) return 'securing.requesting';
  if (security === null && (tls === 'required' || features.starttls === 'required')) return 'refused policy';
  if (choice === null) return 'authenticating';
  if (previd !== null && features.sm) return 'resuming';
  if (previd !== null && !freshAllowed) return 'refused session';
  return features.bind ? 'binding' : 'refused protocol';
}

/** What becomes of an answer, and that it is heard. */
const OUTCOMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'securing.requesting': { 'starttls.proceed': 'securing.handshaking', 'starttls.failure': 'refused tls' },
  'securing.handshaking': { 'tls.secured': 'awaiting', 'tls.failed': 'refused tls' },
  authenticating: { authenticated: 'awaiting', 'not authenticated': 'refused auth', 'sasl.success': 'authenticating' },
  resuming: { 'sm.resumed': 'resumed', 'another session is resumed': 'refused protocol' },
  binding: { 'bind.error': 'refused bind' },
  establishing: { 'legacy.result': 'bound', 'legacy.error': 'refused bind' },
};

/** What is asked next once there is a resource. */
const afterBinding = ({ sm, session }: Features, wantsSm: boolean, isEnabled: boolean): string => {
  if (wantsSm && sm && !isEnabled) return 'enabling';
  return session === 'required' ? 'establishing' : 'bound';
};

function decisions(): Monitor {
  let before = 'awaiting';
  let move: string | null = null;
  let event: { type: string; features?: Features } = { type: '' };
  let state: Negotiation | null = null;
  let told = 0;
  let secured = 0;
  let ticket: unknown = null;

  const expected = (label: string): string | undefined => {
    if (state === null) return undefined;
    const { features, sm, freshAllowed } = state.context;
    if (before === 'awaiting' && label.startsWith('offer')) return nextStep(state, event.features as Features);
    if (before === 'resuming' && label === 'sm.failed') return freshAllowed ? 'binding' : 'refused session';
    if (before === 'binding' && label === 'bind.result') return afterBinding(features as Features, sm !== null, false);
    if (before === 'enabling' && label.startsWith('sm.') && label !== 'sm.resumed') {
      return afterBinding(features as Features, sm !== null, true);
    }
    return OUTCOMES[before]?.[label];
  };

  return (happening) => {
    if (happening.type === 'ignored') {
      const { label } = happening;
      const isHeard = before === 'awaiting' && label.startsWith('offer');
      assert.ok(!isHeard && expected(label) === undefined, `${before} does not hear ${label}`);
    }
    if (happening.type === 'move') {
      move = happening.label;
      told = secured = 0;
    }
    if (happening.type === 'step') {
      if (happening.taken.length > 0 && happening.event.type === 'features') event = happening.event as typeof event;
      if (happening.event.type === 'sm.enabled') ticket = (happening.event as unknown as { ticket: unknown }).ticket;
    }
    if (happening.type === 'action' && happening.name === 'xstate.sendTo') told += 1;
    if (happening.type === 'action' && happening.name === 'secure') secured += 1;
    if (happening.type !== 'settled') return;
    const snapshot = snapshotOf(happening.rig) as unknown as Negotiation;
    const now = leavesOf(snapshot.value);
    const { output } = snapshot;
    if (move !== null) {
      const want = expected(move);
      const found = output?.type === 'refused' ? `refused ${output.failure?.kind}` : now;
      if (want !== undefined) assert.is(found, want, `${move} in ${before}`);
      assert.is(told, before === 'authenticating' && move === 'sasl.success' ? 1 : 0, 'SASL hears what is said to it');
      assert.is(secured, now === 'securing.handshaking' && before !== now ? 1 : 0, 'the handshake is begun once');
    }
    if (output?.type === 'bound') assert.is(output.ticket, ticket, 'what was granted is told');
    before = now;
    state = snapshot;
  };
}

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

const REFUSALS = ['not-authorized', 'temporary-auth-failure', 'invalid-mechanism', 'aborted'];

/** What becomes of what is heard in a state of SASL, and that it is heard. RFC 6120 §6.4 */
const SASL_OUTCOMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  asking: { credentials: 'initiating', 'no credentials': 'failed', 'credentials fails': 'failed' },
  initiating: { 'initiate done': 'exchanging', 'initiate fails': 'failed' },
  exchanging: { 'sasl.challenge': 'responding', 'sasl.success': 'verifying' },
  responding: { 'respond done': 'exchanging', 'respond fails': 'failed', 'sasl.success': 'failed' },
  verifying: { 'verify done': 'authenticated', 'verify fails': 'failed' },
};

/** Whether a refusal is the end: a wager on the binding may be lost, another mechanism tried, or other credentials. */
function afterRefusal(context: SaslContext | null, condition: string): string | null {
  if (context === null || !REFUSALS.includes(condition)) return null;
  const { choice, offered, preferred, refused, retries, asks } = context;
  const others = preferred.filter(
    (name) => offered.includes(name) && !refused.includes(name) && name !== choice?.mechanism,
  );
  if (choice?.wager === true && condition !== 'temporary-auth-failure') {
    if (others.some((name) => !name.endsWith('-PLUS'))) return 'asking';
  }
  const usable = others.filter((name) => !name.endsWith('-PLUS') || !context.unbound);
  if (condition === 'invalid-mechanism') return usable.length > 0 ? 'asking' : 'failed';
  return condition === 'not-authorized' && retries + 1 < asks ? 'asking' : 'failed';
}

/** What the mechanisms are tried for, and what becomes of it. */
function exchange(): Monitor {
  let before = 'selecting';
  let earlier: SaslContext | null = null;
  let aborts = 0;
  let asked = 0;
  let verified = false;
  let cause: string | null = null;
  const refusedHere = new Set<string>();
  return (happening) => {
    if (happening.type === 'ignored') {
      const isRefusal = /^(exchanging|responding)$/.test(before) && REFUSALS.includes(happening.label);
      const isAwaited = SASL_OUTCOMES[before]?.[happening.label] !== undefined || isRefusal;
      assert.not(isAwaited, `${before} does not hear ${happening.label}`);
    }
    if (happening.type === 'move') {
      aborts = 0;
      cause = happening.label;
    }
    if (happening.type === 'step') {
      if (happening.event.type === 'xstate.done.actor.verify') verified = true;
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
    if (cause !== null) {
      const isMidway = before === 'exchanging' || before === 'responding';
      assert.is(aborts, isMidway && ours ? 1 : 0, 'whoever gives up in the middle says so, and nobody else');
      const want = (isMidway ? afterRefusal(earlier, cause) : null) ?? SASL_OUTCOMES[before]?.[cause];
      assert.is(now, want ?? (ours ? 'failed' : now), `${cause} in ${before}`);
    }
    earlier = context;
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
        if (REFUSALS.includes(cause ?? '')) assert.is(output.failure.condition, cause);
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
    if (happening.type === 'ignored') {
      const heard = offline ? ['retry', 'network.online'] : ['retry', 'wake', 'network.offline', 'timer 1'];
      assert.not(heard.includes(happening.label), happening.label);
    }
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
/** What becomes of an answer, or of none, and what is known then. XEP-0030 §3, §4 */
const FINDINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  askingServer: { 'the server answers': 'askingItems', 'the server does not answer': 'unknown', 'timer 1': 'unknown' },
  askingItems: {
    'two items': 'askingEach',
    'no items': 'known',
    'no answer about items': 'known',
    'timer 1': 'known',
  },
  askingEach: { 'timer 1': 'known' },
};

function findings(): Monitor {
  let before = '';
  let move = '';
  let told = 0;
  return (happening) => {
    if (happening.type === 'ignored') {
      const { label } = happening;
      const isAwaited = label.includes('example.org') || FINDINGS[before]?.[label] !== undefined;
      assert.ok(label !== 'refresh' && !isAwaited, `${before} does not hear ${label}`);
    }
    if (happening.type === 'move') {
      move = happening.label;
      told = 0;
    }
    if (happening.type === 'action' && happening.name === 'tell') told += 1;
    if (happening.type !== 'settled') return;
    const snapshot = snapshotOf(happening.rig);
    const { server, entities, waiting, failures, fresh } = snapshot.context as DiscoContext;
    const now = leavesOf(snapshot.value);
    const want = move === 'refresh' ? 'askingServer' : FINDINGS[before]?.[move];
    if (want !== undefined) assert.is(now, want, `${move} in ${before}`);
    const isOver = now === 'known' || now === 'unknown';
    assert.is(told, isOver && before !== now ? 1 : 0, 'the end is told once');
    assert.is(
      server === null && entities.length === 0,
      now === 'unknown' || (server === null && now === 'askingServer'),
    );
    if (move === 'refresh') assert.equal([fresh, waiting, failures], [true, [], []], 'everything is asked anew');
    if (move === 'two items') assert.equal(waiting.length, 2);
    if (move.endsWith('example.org answers')) assert.ok(entities.some(({ jid }) => move.startsWith(jid)));
    if (/does not answer|no answer/.test(move)) assert.ok(failures.length > 0);
    if (want !== undefined && move === 'timer 1') assert.ok(failures.some(({ condition }) => condition === 'timeout'));
    if (before === 'askingItems' && /^(no |timer)/.test(move)) assert.equal(entities, []);
    before = now;
  };
}

const disco: Laws = {
  invariants: {
    ...plain,
    'every wait has a way out: a timer is armed': (rig) => {
      const isAsking = /^asking/.test(leavesOf(snapshotOf(rig).value));
      assert.is(rig.clock.pending.length > 0, isAsking);
    },
    'an item is found, missing or waited for': (rig) => {
      const { entities, waiting, failures } = snapshotOf(rig).context as DiscoContext;
      const jids = [...entities, ...failures.filter(({ about }) => about === 'info')].map(({ jid }) => jid);
      assert.is(new Set(jids).size, jids.length);
      if (leavesOf(snapshotOf(rig).value) === 'askingEach') assert.ok(waiting.length > 0, 'nobody is waited for');
      else assert.equal(waiting, []);
    },
  },
  monitors: { 'what is found, and what comes of it': findings },
};

/** The machines of services are looked after when there are others, and whoever breaks down is reported. */
function housekeeping(): Monitor {
  const done: string[] = [];
  let due = ['adjust'];
  return (happening) => {
    assert.is.not(happening.type, 'ignored');
    if (happening.type === 'move') due = [happening.label === 'services.changed' ? 'adjust' : 'reportService'];
    if (happening.type === 'action') done.push(happening.name);
    if (happening.type === 'settled') assert.equal(done.splice(0), due);
  };
}

const services: Laws = { invariants: plain, monitors: { housekeeping } };

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
    case 'services':
      return services;
    case 'disco':
      return disco;
    default:
      throw new Error(`nothing is known of what holds for ${machine}`);
  }
}
