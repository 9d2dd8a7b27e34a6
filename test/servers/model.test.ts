/**
 * Real clients on a real server, beside their twins: what the server says is its own affair, and the twin's server says the
 * same in its place. Between the two stands a proxy, for a cable that can be pulled and a server that falls silent.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import type { AnyActor, EventFrom } from 'xstate';
import { clientMachine } from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import { catalogue } from '../../machines/index.ts';
import { type Client, type ClientOptions, createClient, type Element, el } from '../../src/index.ts';
import { Coverage, table } from '../../src/testing/coverage.ts';
import { done, type ExploreOptions, explore, fails, type Move, type Rig, timers } from '../../src/testing/explore.ts';
import { clientKey } from '../../src/testing/moves.ts';
import { turn } from '../../src/testing/outlet.ts';
import { coveringPaths } from '../../src/testing/paths.ts';
import { dial } from '../../src/transport/tcp.ts';
import { failure, features, security } from '../machines/samples.ts';
import { DrowsyClock, type RealMove, type Surroundings, together, Watch } from '../model/real-client.ts';
import { presence as presences } from '../model/real-moves.ts';
import {
  type ClientMachine,
  contactOf,
  contactWithin,
  given,
  hear,
  isAuthenticated,
  isSecured,
  lost,
  negotiationOf,
  nowOf,
  saslOf,
  settle,
  snapshotOf,
  stageOf,
  streamOf,
  twinModel,
} from '../model/real-twin.ts';
import { Desk } from '../model/real-world.ts';
import { PASSWORD } from './people.ts';
import { type RealServer, serverSuite, startProsody } from './servers.ts';

type Twin = Rig<ClientMachine>;

/** Seconds for which the server keeps a session; its clock is the real one, the client's is not. */
const RESUME_SECONDS = 300;

const ENDPOINT: Endpoint = { host: 'server', port: 5222, tls: 'starttls', source: 'application' };

/** A cable to a server, which can be pulled out and plugged in elsewhere. */
class Cable {
  readonly #server: Server;
  readonly #ends: Socket[] = [];
  #silent = false;
  #held: (() => void)[] = [];
  port = 0;

  constructor(target: number) {
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
      this.#ends.push(near, far);
      for (const end of [near, far]) end.setNoDelay(true).on('error', () => {});
      near.on('data', (bytes) => far.write(bytes)).on('end', () => far.end());
      far.on('data', (bytes) => this.#say(() => near.write(bytes))).on('end', () => this.#say(() => near.end()));
      near.on('close', () => far.destroy());
    });
  }

  async plug(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    this.port = (this.#server.address() as { port: number }).port;
  }

  #say(what: () => void): void {
    if (this.#silent) this.#held.push(what);
    else what();
  }

  /** Whatever was said or held back on the connections so far is not for the next. */
  renew(): void {
    this.#held = [];
    this.#silent = false;
  }

  /** Nothing comes from the server any more. */
  silence(): void {
    this.#silent = true;
  }

  /** It comes again, and with it what was said in the meantime. */
  speak(): void {
    this.#silent = false;
    for (const what of this.#held.splice(0)) what();
  }

  /** Nothing goes either way, and both ends notice. */
  pull(): void {
    for (const end of this.#ends.splice(0)) end.resetAndDestroy();
    this.renew();
  }

  unplug(): void {
    this.pull();
    this.#server.close();
  }
}

class Place implements Surroundings {
  readonly client: Client;
  readonly clock = new DrowsyClock();
  /** A server ends its connection behind its footer: whether a client that has closed its own hears of it is chance. */
  readonly watch = new Watch((id) => !/--(?:stream|transport)\.\*\[/.test(id));
  readonly server: RealServer;
  readonly cable: Cable;
  password = PASSWORD;
  readonly #dials = new Desk<string, string>();
  readonly #hooks = new Desk<null, void>();
  readonly #filtered = new Desk<Element, null>();
  #holding = false;

  constructor(server: RealServer, cable: Cable, coverage: Coverage, options: Partial<ClientOptions>) {
    this.server = server;
    this.cable = cable;
    this.client = createClient({
      ...optionsOf(server, options),
      ca: server.ca,
      credentials: () => this.password,
      clock: this.clock,
      random: () => 0.5,
      inspect: (event) => {
        coverage.inspect(event);
        this.watch.inspect(event);
      },
      endpoints: [ENDPOINT],
      resolveSrv: async () => [{ name: '.', port: 0, priority: 0, weight: 0 }],
      connect: async ({ host }, { signal }) => {
        const address = await this.#dials.ask(host, signal);
        return dial({ host: address, port: cable.port }, { signal });
      },
    });
    this.client.beforeEstablished(({ signal }) => this.#hooks.ask(null, signal));
    this.client.filter('outbound', (stanza) => (this.#holding ? this.#filtered.ask(stanza) : stanza));
  }

  start(): void {
    this.client.start().catch(() => {});
  }

  /** Sends what nobody answers but by an acknowledgement. */
  send(): void {
    this.client.send(el('iq', { type: 'result', id: this.client.newId(), to: this.server.domain }));
  }

  /** Sends what does not get through the filter. */
  hold(): void {
    this.#holding = true;
    this.send();
  }

  /** Drops what the filter has. */
  async free(): Promise<void> {
    this.#holding = false;
    while (!this.#filtered.empty) (await this.#filtered.next()).resolve(null);
  }

  async tidy(): Promise<void> {
    if (!this.client.actor.getSnapshot().matches({ link: { connected: 'live' } })) await this.free();
  }

  /** Another client takes the resource. */
  async rival(): Promise<void> {
    const { server } = this;
    const client = createClient({
      ...optionsOf(server, {}),
      ca: server.ca,
      password: PASSWORD,
      endpoints: [{ host: '127.0.0.1', port: server.ports.starttls }],
    });
    await client.start();
    await client.stop();
  }

  async prepared(error?: Error): Promise<void> {
    const hook = await this.#hooks.next();
    if (error === undefined) hook.resolve();
    else hook.reject(error);
  }

  async dial(address: string): Promise<void> {
    (await this.#dials.next()).resolve(address);
  }

  async restart(): Promise<void> {
    await this.server.kill();
    await this.server.start();
  }

  async close(): Promise<void> {
    const stopped = this.client.stop();
    this.cable.pull();
    for (let left = 100; left > 0 && this.client.running; left -= 1) {
      this.clock.advance(10_000);
      await turn();
    }
    await stopped;
  }
}

const optionsOf = (server: RealServer, options: Partial<ClientOptions>) => ({
  jid: `alice@${server.domain}/desk`,
  mechanisms: ['PLAIN'],
  negotiationTimeout: 50_000,
  liveness: { idle: 60_000, answer: 70_000 },
  maxInitialAttempts: null,
  ...options,
});

// The twin's server.

/** What the twin's server knows beside its connection. */
interface Memory {
  /** The session that the client may ask for is none of its own any more. */
  gone: boolean;
  /** The password is another. */
  strict: boolean;
}

const memories = new WeakMap<AnyActor['system'], Memory>();

function memoryWithin(system: AnyActor['system']): Memory {
  const memory = memories.get(system) ?? { gone: false, strict: false };
  memories.set(system, memory);
  return memory;
}

const memoryOf = ({ actor }: Twin): Memory => memoryWithin(actor.system);

const says = (
  label: string,
  when: (twin: Twin) => boolean,
  events: (twin: Twin) => readonly EventFrom<ClientMachine>[],
): Move<ClientMachine> => ({
  label,
  when: (twin) => !contactOf(twin).silent && when(twin),
  apply(twin) {
    hear(twin);
    for (const event of events(twin)) twin.actor.send(event);
  },
});

const isNegotiating = (state: string) => (twin: Twin) =>
  streamOf(twin) === 'CONNECTED.OPEN' && negotiationOf(twin) === state;

const isAsking = (source: string) => (twin: Twin) => snapshotOf(twin).context.sweep.source === source;

const ours = (twin: Twin) => {
  if (!isSecured(twin)) return features({ starttls: 'required' });
  return isAuthenticated(twin) ? features({ bind: true, sm: true }) : features({ mechanisms: ['PLAIN'] });
};

const ticket = { id: 'its own', max: RESUME_SECONDS, location: null };

/** What a server does without being asked twice, and what else nobody decides about. */
const serverOf = (domain: string): readonly Move<ClientMachine>[] => [
  given(isAsking('application'), done('resolve', [ENDPOINT])),
  given(isAsking('discovery'), fails('resolve', failure('dns', 'never', { stage: 'resolve' }))),
  given(() => true, done('credentials', true)),
  says(
    'header',
    (twin) => streamOf(twin) === 'CONNECTED.STREAM_HEADER_SENT',
    (twin) => [
      { type: 'stream.header', id: 'x', fault: null },
      { type: 'features', features: ours(twin) },
    ],
  ),
  says('proceed', isNegotiating('securing.requesting'), () => [{ type: 'starttls.proceed' }]),
  says('secured', isNegotiating('securing.handshaking'), () => [{ type: 'tls.secured', security }]),
  says(
    'verdict',
    (twin) => saslOf(twin) === 'exchanging',
    (twin) => [
      memoryOf(twin).strict
        ? { type: 'sasl.failure', condition: 'not-authorized', text: null }
        : { type: 'sasl.success' },
    ],
  ),
  says('resumed', isNegotiating('resuming'), (twin) => [
    memoryOf(twin).gone
      ? { type: 'sm.failed', condition: 'item-not-found' }
      : { type: 'sm.resumed', previd: 'its own' },
  ]),
  says('bound', isNegotiating('binding'), (twin) => {
    memoryOf(twin).gone = false;
    return [{ type: 'bind.result', jid: `alice@${domain}/desk` }];
  }),
  says('enabled', isNegotiating('enabling'), () => [{ type: 'sm.enabled', ticket }]),
  says(
    'acknowledged',
    (twin) => snapshotOf(twin).matches({ link: { connected: 'live' } }) && snapshotOf(twin).context.owed,
    () => [{ type: 'flow.drained' }],
  ),
  says(
    'heard',
    (twin) => contactOf(twin).probing,
    () => [],
  ),
  says(
    'footer',
    (twin) => streamOf(twin) === 'CLOSING',
    (twin) => [{ type: 'stream.footer', failure: failure('stream', 'backoff', { stage: stageOf(twin) }) }],
  ),
];

// The moves.

type PlaceMove = RealMove<Place>;

const isDialing = (twin: Twin) => snapshotOf(twin).matches({ link: { connected: 'dialing' } });
const isReady = (twin: Twin) => snapshotOf(twin).matches({ link: { connected: { live: 'ready' } } });
const isDown = (twin: Twin) => snapshotOf(twin).hasTag('offline') || snapshotOf(twin).hasTag('failed');
const isUp = (twin: Twin) => contactOf(twin).up;
const isHeard = (twin: Twin) => isReady(twin) && !contactOf(twin).silent;
const always = () => true;

function movesOf(server: RealServer) {
  const others = serverOf(server.domain);
  const move = (
    label: string,
    when: (twin: Twin) => boolean,
    apply: (twin: Twin) => void,
    world: PlaceMove['world'],
  ): PlaceMove => ({
    label,
    when,
    apply(twin) {
      apply(twin);
      settle(twin, others);
    },
    world,
  });

  const tells = (event: EventFrom<ClientMachine>, when: (twin: Twin) => boolean, world: (place: Place) => unknown) =>
    move(event.type, when, ({ actor }) => actor.send(event), world);

  const ends = (child: Move, world: (place: Place) => unknown) => {
    const { label, when = always, apply } = given(always, child);
    return move(label, when, apply, world);
  };

  const connects = (label: string, memory: Partial<Memory>, world: PlaceMove['world']) =>
    move(
      label,
      isDialing,
      (twin) => {
        Object.assign(memoryOf(twin), { strict: false, ...memory });
        Object.assign(contactOf(twin), { up: true, heard: nowOf(twin) });
        twin.actor.send({ type: 'transport.connected', security: null });
      },
      async (place, twin) => {
        place.password = PASSWORD;
        place.cable.renew();
        await world(place, twin);
        await place.dial('127.0.0.1');
      },
    );

  /** While the server, or whatever is between, holds its breath. */
  const silently = (inner: PlaceMove): PlaceMove => ({
    label: `${inner.label}, into silence`,
    when: (twin) => (isUp(twin) || isDialing(twin)) && (inner.when?.(twin) ?? true),
    apply(twin) {
      contactOf(twin).silent = true;
      inner.apply(twin);
    },
    world(place, twin) {
      const made = inner.world(place, twin);
      // What the client has to say about it goes out at the end of this tick.
      place.cable.silence();
      return made;
    },
  });

  const passing = (twin: Twin): readonly PlaceMove[] =>
    timers(twin as unknown as Rig).map(({ label, apply }) =>
      move(
        label,
        always,
        (later) => apply(later as unknown as Rig),
        ({ clock }, later) => clock.advance(later.clock.now() - clock.awake),
      ),
    );

  const stop = tells(
    { type: 'stop' },
    (twin) => !isDown(twin),
    ({ client }) => void client.stop(),
  );
  const probe = tells({ type: 'probe' }, isReady, ({ client }) => void client.probe().catch(() => {}));
  const send = tells(
    { type: 'flow.waiting' },
    (twin) => isReady(twin) && !snapshotOf(twin).context.owed && !snapshotOf(twin).context.stuck,
    (place) => place.send(),
  );
  const unprepared = ends(fails('prepare', failure('prepare', 'user', { stage: 'prepare' }), 'a hook fails'), (place) =>
    place.prepared(new Error('not today')),
  );
  const login = connects('the server is there', {}, always);

  const presence = Object.values(presences).map(
    (inner): PlaceMove => ({
      ...inner,
      apply(twin) {
        inner.apply(twin);
        settle(twin, others);
      },
      world: ({ client }) => inner.world({ client } as never, null as never),
    }),
  );

  /** To get online, to be cut off and to come back. */
  const essentials = [
    ...[stop, login],
    tells({ type: 'start' }, isDown, (place) => place.start()),
    ends(done('prepare', undefined, 'the hooks are through'), (place) => place.prepared()),
    tells(
      { type: 'retry' },
      (twin) => snapshotOf(twin).matches({ link: 'waiting' }),
      ({ client }) => client.retry(),
    ),
    connects('the server was restarted', { gone: true }, (place) => place.restart()),
    move(
      'the cable is pulled',
      isUp,
      (twin) => twin.actor.send(lost(twin)),
      ({ cable }) => cable.pull(),
    ),
  ];

  const everything = [
    ...essentials,
    ...[probe, send, unprepared],
    ...[stop, probe, send, unprepared, login].map(silently),
    tells({ type: 'wake' }, always, ({ client }) => client.wake()),
    tells({ type: 'network.offline' }, always, ({ client }) => client.network('offline')),
    tells({ type: 'network.online' }, always, ({ client }) => client.network('online')),
    connects('the password is another', { strict: true }, (place) => {
      place.password = 'wrong';
    }),
    move(
      'the administrator ends the session',
      isHeard,
      (twin) => {
        memoryOf(twin).gone = true;
        hear(twin);
        twin.actor.send({ type: 'stream.footer', failure: failure('stream') });
      },
      ({ client }) => server.kick(client.jid.toString()),
    ),
    move(
      'another client takes the resource',
      isHeard,
      (twin) => {
        hear(twin);
        twin.actor.send({ type: 'stream.error', failure: failure('conflict', 'user'), redirect: null });
      },
      (place) => place.rival(),
    ),
    move(
      'refused',
      isDialing,
      (twin) => twin.actor.send(lost(twin)),
      (place) => place.dial('127.0.0.2'),
    ),
    move(
      'the silence ends',
      (twin) => contactOf(twin).silent,
      (twin) => {
        contactOf(twin).silent = false;
      },
      ({ cable }) => cable.speak(),
    ),
    tells(
      { type: 'flow.stuck' },
      (twin) => isReady(twin) && !snapshotOf(twin).context.stuck,
      (place) => place.hold(),
    ),
    tells(
      { type: 'flow.free' },
      (twin) => snapshotOf(twin).matches({ link: { connected: 'live' } }) && snapshotOf(twin).context.stuck,
      (place) => place.free(),
    ),
    passing,
    (twin: Twin) =>
      passing(twin)
        .filter(() => isHeard(twin))
        .map(silently),
  ];

  return { everything, presence: [...essentials, ...presence] };
}

/** What the twin's server remembers decides what comes next, too. */
function key(snapshot: Parameters<typeof clientKey>[0]): unknown {
  const system = (Object.values(snapshot.children)[0] as AnyActor | undefined)?.system;
  return [clientKey(snapshot), system && [memoryWithin(system).gone, contactWithin(system).silent]];
}

const test = await serverSuite('model and Prosody', 60_000);
let server: RealServer;
let cable: Cable;

test.before(async () => {
  server = await startProsody({ version: '13', resumeSeconds: RESUME_SECONDS });
  await server.addAccount('alice', PASSWORD);
  cable = new Cable(server.ports.starttls);
  await cable.plug();
});
test.after(async () => {
  cable.unplug();
  await server.dispose();
});

const coverage = new Coverage();
const report: (string | number)[][] = [['', 'states', 'edges', 'paths', 'moves', 'transitions']];

const SUBJECTS: Readonly<Record<string, [moves: keyof ReturnType<typeof movesOf>, options: Partial<ClientOptions>]>> = {
  'one session after the other': ['everything', {}],
  'one session or none': ['everything', { allowImplicitReconnect: false }],
  presence: ['presence', {}],
};

for (const [title, [moves, options]] of Object.entries(SUBJECTS)) {
  test(`${title}: a real client goes where its twin goes`, async () => {
    const { settings } = createClient({ ...optionsOf(server, options), credentials: () => null }).actor.getSnapshot()
      .context;
    const exploring: ExploreOptions<ClientMachine> = { input: { settings }, moves: movesOf(server)[moves], key };
    const exploration = explore(twinModel, exploring);
    const paths = coveringPaths(exploration, 'transitions') as readonly (readonly PlaceMove[])[];
    let transitions = 0;
    for (const path of paths) {
      const place = new Place(server, cable, coverage, options);
      try {
        transitions += await together(place, exploring, path);
      } finally {
        await place.close();
      }
    }
    const { states, edges } = exploration;
    report.push([title, states.size, edges.length, paths.length, paths.flat().length, transitions]);
  });
}

test('three quarters of the transitions of a client are taken on a real server', () => {
  // Machines of services are the shell's to start, and not the twin's.
  const { disco, services, ...others } = catalogue;
  const machines = Object.values(others).map(({ machine }) => machine);
  console.log(`\n${table(report)}\n\n${coverage.table(...machines)}`);
  assert.ok(coverage.missing(clientMachine).length <= Coverage.all(clientMachine).length / 4);
});

test.run();
