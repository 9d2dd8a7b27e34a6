/**
 * Every step of a login × everything that can happen to a connection there. In each cell the client comes to rest within the
 * deadlines it has, says why, keeps nothing, and is online again when the network is; stopped in the middle, it stops in time.
 */
import * as assert from 'uvu/assert';
import { type ActiveFault, type Match, type Moment, matches } from '../../src/testing/faults.ts';
import type { MemoryLink } from '../../src/testing/memory.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { STEPS, type Step } from '../sockets/steps.ts';
import { chaosServer, FAREWELL, STEP, verdictOf, World, type WorldOptions } from './world.ts';

const test = suite('chaos/negotiation');

let server: TestServer;

test.before(async () => {
  server = await chaosServer();
  // The server hashes the password once, in a thread.
  await healthOf(false);
});
test.afterEach(() => {
  server.faults.clear();
  server.configure({ session: 'none' });
  for (const session of server.sessions) session.end();
});
test.after(() => server.close());

/** The first to answer to a step says nothing; what else happens to its connection is the fault's business. */
interface Fault {
  readonly name: string;
  readonly strike: (world: World) => unknown;
  readonly end?: () => void;
  /** How long the client may take to notice. */
  readonly within: number;
  readonly kind: 'timeout' | 'network';
}

/** White space, which is no answer, for ever. */
function noise(): Fault {
  let stop = () => {};
  const strike = ({ clock, link }: World) => {
    const say = () => {
      link.far.write(' ');
      const timer = clock.setTimeout(say, 1_000);
      stop = () => clock.clearTimeout(timer);
    };
    say();
  };
  return { name: 'noise', strike, end: () => stop(), within: STEP + FAREWELL, kind: 'timeout' };
}

const FAULTS: readonly Fault[] = [
  { name: 'silence', strike: () => {}, within: STEP + FAREWELL, kind: 'timeout' },
  { name: 'FIN', strike: ({ link }) => link.drop('fin'), within: 0, kind: 'network' },
  { name: 'RST', strike: ({ link }) => link.drop('rst'), within: 0, kind: 'network' },
  { name: 'FIN of a server that goes on reading', strike: ({ link }) => link.far.end(), within: 0, kind: 'network' },
  noise(),
];

/** Whether only TLS is spoken there, of which white space is none. */
const isTls = ({ name }: Step) => !/^(the header|the features|<proceed\/>)$/.test(name);

/** A client that has come to a step, of which the server has heard and says nothing. */
async function reach(step: Step, options: WorldOptions = {}): Promise<{ world: World; fault: ActiveFault }> {
  server.configure(step.settings ?? {});
  const world = new World(server, { direct: step.direct, ...options });
  if (step.again) await world.online();
  const fault = server.faults.add({ drop: 'silence', when: step.when() });
  if (step.again) {
    world.link.drop('rst');
    await world.until('waiting', () => world.state === 'waiting');
    world.client.retry();
  } else world.start();
  await fault.fired;
  await world.still();
  return { world, fault };
}

/** What there is of a client that is online and has seen no trouble. */
const healthy = new Map<boolean, ReturnType<World['census']>>();

async function healthOf(direct: boolean): Promise<ReturnType<World['census']>> {
  const known = healthy.get(direct);
  if (known !== undefined) return known;
  const world = new World(server, { direct });
  await world.online();
  const census = world.census();
  healthy.set(direct, census);
  await world.stop();
  return census;
}

for (const step of STEPS) {
  for (const { name, strike, end, within, kind } of FAULTS) {
    if (name === 'noise' && isTls(step)) continue;
    test(`a fault of the network: ${name} in place of ${step.name}: ${kind} at ${step.stage}, and online again`, async () => {
      const health = await healthOf(step.direct === true);
      const { world } = await reach(step);
      const waits = world.life.filter((entry) => entry === 'waiting').length;
      await strike(world);
      const isResting = () => world.life.filter((entry) => entry === 'waiting').length > waits;
      await world.pass('resting', isResting, within);
      end?.();
      assert.is(verdictOf(world.reasons[0] as never), `${kind} ${step.stage} backoff`);
      assert.is(world.state, 'waiting');
      const { timers, sockets, signals, actors } = world.census();
      // The pause, and what the server keeps the session for.
      assert.equal([timers, sockets, signals], [step.again ? 2 : 1, 0, 0]);
      assert.equal(
        actors.filter((id) => /transport|stream|negotiation|sasl|resolve/.test(id)),
        [],
      );
      server.faults.clear();
      await world.online();
      assert.is(world.life.at(-1), step.again ? 'resumed' : 'established');
      assert.equal(world.census(), health);
      await world.stop();
    });
  }

  test(`an answer just in time in place of ${step.name}: online, as if nothing had been`, async () => {
    const world = await late(step, STEP - 1);
    await world.pass('online', () => world.client.phase === 'online', STEP - 1);
    assert.is(world.life.filter((entry) => entry === 'waiting').length, step.again ? 1 : 0);
    await world.stop();
  });

  test(`an answer just too late in place of ${step.name}: timeout at ${step.stage}`, async () => {
    const world = await late(step, STEP + 1);
    const waits = world.life.length;
    await world.pass('waiting', () => world.life.slice(waits).includes('waiting'), STEP + FAREWELL);
    assert.is(verdictOf(world.reasons[0] as never), `timeout ${step.stage} backoff`);
    // The answer comes to nobody.
    world.clock.advance(1);
    await world.online();
    await world.stop();
  });

  test(`stop in place of ${step.name}, at once and while it is being given up`, async () => {
    const { world } = await reach(step);
    await world.stop();
    const { world: later } = await reach(step);
    await later.pass('given up', () => later.state !== 'connected.negotiating', STEP);
    await later.stop();
  });
}

/** A client that comes to a step, whose answer takes so many milliseconds. */
async function late(step: Step, latency: number): Promise<World> {
  server.configure(step.settings ?? {});
  let isHeld = false;
  const hold = (link: MemoryLink) => {
    if (isHeld) return;
    isHeld = true;
    // A handshake is a question, too.
    link.latency = step.name.includes('handshake') ? latency / 2 : latency;
    // What comes behind it does not take so long.
    world.clock.setTimeout(() => {
      link.latency = 0;
    }, STEP - 1);
  };
  const when = step.when();
  const world: World = new World(server, { direct: step.direct, ...(when === 'connect' && { onLink: hold }) });
  if (step.again) await world.online();
  if (when !== 'connect') server.faults.add({ drop: 'silence', when: unless(when, () => hold(world.link)) });
  if (step.again) {
    world.link.drop('rst');
    await world.until('waiting', () => world.state === 'waiting');
    world.client.retry();
  } else world.start();
  await world.until('late', () => isHeld);
  return world;
}

/** The same moment, at which something is done and nothing dropped. */
function unless(when: Moment, act: () => void): Moment {
  if (typeof when === 'string' || 'bytes' in when) throw new Error('there is no element to wait for');
  const watch =
    (match: Match, notice: () => void): Match =>
    (element) => {
      if (matches(match, element)) notice();
      return false;
    };
  return 'before' in when
    ? { ...when, before: watch(when.before, act) }
    : { ...when, after: watch(when.after, () => setImmediate(act)) };
}

test.run();
