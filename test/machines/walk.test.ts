/** A client that anything may happen to, in any order: what holds, holds on every way. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { ClientEmitted, ClientSettings } from '../../machines/client.ts';
import type { Failure } from '../../machines/failure.ts';
import { CLOSING_TIME, ClientRig } from './client-rig.ts';
import { chart } from './rig.ts';
import { ENDED, FOOTER, failure, ticket } from './samples.ts';

/** What may happen to a client. What it does not wait for passes it by. */
type Move = (client: ClientRig) => unknown;

/** The next step of a server, an application and a clock that all mean well. */
const forward: Move = (client) => {
  const { link, children } = client;
  if (link === 'down' || link === 'failed') return client.start();
  if (link === 'resolving') return client.found('a', 'b');
  if (link === 'connected.dialing') return client.connect();
  if (link === 'waiting') return client.wait();
  if (children.includes('prepare')) return client.prepared();
  if (link === 'connected.closing' || link === 'connected.leaving') return client.farewell();
  if (link !== 'connected.negotiating') return client.send({ type: 'flow.waiting' });
  const { value, context } = client.snapshot.children.negotiation?.getSnapshot() ?? {};
  if (value === 'resuming') return client.send({ type: 'sm.resumed', previd: 'previous' });
  if (value === 'enabling') return client.send({ type: 'sm.enabled', ticket });
  if (value === 'binding') return client.bind();
  return context?.choice == null ? client.login() : client.offer({ bind: true, sm: true });
};

const said =
  (failure: Failure, redirect: { host: string; port: number } | null = null): Move =>
  (client) =>
    client.send({ type: 'stream.error', failure, redirect });

const moves: Record<string, Move> = {
  forward,
  start: (client) => client.start(),
  stop: (client) => client.stop(),
  retry: (client) => client.send({ type: 'retry' }),
  probe: (client) => client.send({ type: 'probe' }),
  wake: (client) => client.send({ type: 'wake' }),
  offline: (client) => client.send({ type: 'network.offline' }),
  online: (client) => client.send({ type: 'network.online' }),
  waiting: (client) => client.send({ type: 'flow.waiting' }),
  drained: (client) => client.send({ type: 'flow.drained' }),
  heard: (client) => client.send({ type: 'flow.heard' }),
  nobody: (client) => client.children.includes('resolve') && client.named(),
  somebody: (client) => client.children.includes('resolve') && client.named('c'),
  unresolved: (client) => client.children.includes('resolve') && client.error(failure('dns'), 'resolve'),
  'bad header': (client) => client.send({ type: 'stream.header', id: null, fault: 'bad-format' }),
  header: (client) => client.send({ type: 'stream.header', id: 'x', fault: null }),
  footer: (client) => client.send(FOOTER),
  ended: (client) => client.send(ENDED),
  'no binding': (client) => client.offer({}),
  'no management': (client) => client.offer({ bind: true }),
  unresumed: (client) => client.children.includes('negotiation') && client.send({ type: 'sm.failed', condition: null }),
  'not bound': (client) => client.send({ type: 'bind.error', failure: failure('bind', 'user') }),
  unprepared: (client) => client.children.includes('prepare') && client.error(failure('prepare'), 'prepare'),
  hopeless: (client) => client.children.includes('prepare') && client.error(new Error('a bug'), 'prepare'),
  conflict: said(failure('conflict', 'user')),
  shutdown: said(failure('stream')),
  elsewhere: said(failure('stream'), { host: 'd', port: 5222 }),
  violation: (client) =>
    client.send({
      type: 'stream.violation',
      failure: failure('protocol', 'backoff', { stage: 'resume' }),
      error: { condition: 'undefined-condition' },
    }),
  'network lost': (client) => client.lose(),
  'certificate refused': (client) => client.lose(failure('tls', 'user')),
  'a second passes': (client) => client.pass(1_000),
  'a minute passes': (client) => client.pass(60_000),
  'the window passes': (client) => client.pass(300_000),
};

/** Who may speak when: an established session, its interruptions and the run around them. */
class Announcements {
  #session: 'none' | 'held' | 'suspended' = 'none';
  #onlineDue = false;
  running = false;
  /** Sessions established in this run, and pauses before the first of them. */
  sessions = 0;
  pauses = 0;
  /** Connections since the last pause. */
  dials = 0;

  begin(): void {
    this.running = true;
    this.sessions = this.pauses = this.dials = 0;
  }

  hear({ type }: ClientEmitted): void {
    const session = this.#session;
    assert.ok(this.running, `${type} outside a run`);
    assert.is(type === 'online', this.#onlineDue, `${type}, while online is ${this.#onlineDue ? '' : 'not '}due`);
    this.#onlineDue = type === 'established' || type === 'resumed';
    switch (type) {
      case 'established':
        assert.is(session, 'none');
        this.#session = 'held';
        this.sessions += 1;
        break;
      case 'suspended':
        assert.is(session, 'held');
        this.#session = 'suspended';
        break;
      case 'resumed':
        assert.is(session, 'suspended');
        this.#session = 'held';
        break;
      case 'destroyed':
        assert.is.not(session, 'none');
        this.#session = 'none';
        break;
      case 'waiting':
        this.dials = 0;
        if (this.sessions === 0) this.pauses += 1;
        break;
      case 'stopped':
      case 'failure':
        assert.is(session, 'none');
        this.running = false;
    }
  }
}

/** Two hosts from each of three sources, and the redirections that may be followed. */
const DIALS_A_SWEEP = 3 * 2 + 5;

/** Takes a client along a way, looks at it after every step and returns what it announced. */
function walk(settings: Partial<ClientSettings>, way: string[]): string[] {
  const client = new ClientRig(settings);
  const announced = new Announcements();
  const heard: string[] = [];
  client.actor.on('*', (event) => {
    announced.hear(event);
    heard.push(event.type);
  });
  let gate = 'closeGate';
  let dialled = 0;

  const step = (move: Move) => {
    move(client);
    const { link, session, context, shell } = client;
    const runs = link !== 'down' && link !== 'failed';
    if (runs && !announced.running) announced.begin();
    assert.is(client.snapshot.status, 'active');
    assert.is(announced.running, runs, 'a run ends with one announcement');
    if (!runs) assert.equal([session, client.children, client.timers], ['none', [], 0], 'nothing is left of a run');
    assert.is(client.snapshot.tags.size, 1, 'there is one phase');
    assert.is(session === 'none', context.session === null, 'a session is known as long as it is held');
    assert.is(shell.opened - shell.closed, link.startsWith('connected') ? 1 : 0, 'a transport belongs to connected');
    gate = client.log().findLast((line) => /^(open|close)Gate/.test(line)) ?? gate;
    assert.is(gate !== 'closeGate', link.startsWith('connected.live'), 'the gate is open while the link is live');
    announced.dials += shell.opened - dialled;
    dialled = shell.opened;
    assert.ok(announced.dials <= DIALS_A_SWEEP, 'every way back leads through the pause');
    assert.ok(settings.allowImplicitReconnect || announced.sessions <= 1, 'no second session');
    assert.ok(announced.pauses < (settings.maxInitialAttempts ?? Infinity), 'no more attempts than agreed');
  };

  for (const name of way) step(moves[name] as Move);
  step((each) => each.stop().pass(CLOSING_TIME));
  assert.not(announced.running, 'a stop ends every run in time');
  return heard;
}

const anySettings = fc.record({
  allowImplicitReconnect: fc.boolean(),
  maxInitialAttempts: fc.constantFrom(null, 1, 2),
  liveness: fc.constantFrom(null, { idle: 60_000, answer: 60_000 }),
});

/** As often as not things go well, or no way would lead far. */
const anyWay = fc.array(
  fc.oneof(fc.constant('forward'), fc.constant('forward'), fc.constantFrom(...Object.keys(moves))),
  { minLength: 10, maxLength: 80 },
);

const tests = chart('machines/client: any way', 60_000);

tests('C.8, 2 to 10: the invariants hold on every way, and a stop ends it', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anySettings, anyWay, (settings, way) => {
      for (const type of walk(settings, way)) seen.add(type);
    }),
    { numRuns: 400, includeErrorInReport: true },
  );
  const all = [
    'destroyed',
    'established',
    'failure',
    'online',
    'probing',
    'resumed',
    'stopped',
    'suspended',
    'waiting',
  ];
  assert.equal([...seen].sort(), all);
});

tests.run();
