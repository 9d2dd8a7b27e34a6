/** What is measured. Each takes as long as a few hundred milliseconds and is repeated by who asks. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Library, Session } from './library.ts';
import { type Figures, HOST, type Ports } from './protocol.ts';
import { Relay } from './relay.ts';

type Measure = (library: Library, ports: Ports) => Promise<Figures>;

const RECEIVED = 40_000;
const SENT = 40_000;
/** Messages that an application sends in one go. */
const BURST = 100;
const SENT_SINGLY = 20_000;
const ECHOED = 20_000;
const PINGED = 20_000;
const IN_FLIGHT = 100;
const LOGINS = 10;
const IDLE = 200;
/** Milliseconds until what a login leaves behind has been done. */
const REST = 300;
/** Milliseconds by which everything from the server is late where flights are counted. */
const LATENCY = 20;

const BODY = 'It is the east, and Juliet is the sun. Arise, fair sun, and kill the envious moon';

/** CPU time of this process since it began, user and system, in microseconds. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Measures the CPU time a session needs for each of `count` things that `work` does. */
function perStanza(
  kind: 'plain' | 'managed',
  count: number,
  prepare: (session: Session) => void,
  work: (session: Session) => Promise<unknown>,
): Measure {
  return async (library, ports) => {
    const session = await library.connect(kind, ports[kind]);
    prepare(session);
    const before = cpu();
    await work(session);
    const cost = (cpu() - before) / count;
    await session.stop();
    return { cpu: cost };
  };
}

const nothing = () => {};

function receive(kind: 'plain' | 'managed'): Measure {
  let received = 0;
  const count = (body: string | undefined) => {
    if (body !== undefined) received += 1;
  };
  return perStanza(
    kind,
    RECEIVED,
    (session) => session.read(count),
    async (session) => {
      received = 0;
      await session.command('pour', RECEIVED);
      if (received !== RECEIVED) throw new Error(`${received} of ${RECEIVED} messages were received`);
    },
  );
}

async function sendBursts(session: Session): Promise<void> {
  for (let sent = 0; sent < SENT; sent += BURST) await session.sendMany(BURST, BODY);
  await session.ping();
  await session.settled();
}

async function sendSingly(session: Session): Promise<void> {
  for (let sent = 0; sent < SENT_SINGLY; sent += 1) {
    session.send(BODY);
    await setImmediate();
  }
  await session.ping();
}

async function ping(session: Session): Promise<void> {
  let left = PINGED;
  const one = async () => {
    while (left > 0) {
      left -= 1;
      await session.ping();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, one));
}

/** Each login is a client of its own: nothing is known from an earlier one. */
async function login(library: Library, ports: Ports): Promise<Figures> {
  let time = 0;
  let cost = 0;
  for (let i = 0; i < LOGINS; i += 1) {
    const before = cpu();
    const start = performance.now();
    const session = await library.connect('starttls', ports.starttls);
    time += performance.now() - start;
    cost += cpu() - before;
    await session.stop();
    await setTimeout(LATENCY);
  }
  return { cpu: cost / LOGINS / 1000, time: time / LOGINS };
}

function flights(kind: 'starttls' | 'direct'): Measure {
  return async (library, ports) => {
    const relay = await Relay.to(HOST, ports[kind], LATENCY);
    const start = performance.now();
    const session = await library.connect(kind, relay.port);
    const time = performance.now() - start;
    const count = relay.flights;
    await session.stop();
    relay.close();
    return { flights: count, time };
  };
}

async function idle(library: Library, ports: Ports): Promise<Figures> {
  if (gc === undefined) throw new Error('needs --expose-gc');
  // What the first clients load and compile, all share.
  const sessions = await connect(library, ports, 10);
  const before = await heap();
  sessions.push(...(await connect(library, ports, IDLE)));
  const bytes = ((await heap()) - before) / IDLE;
  await Promise.all(sessions.map((session) => session.stop()));
  return { heap: bytes / 1024 };
}

async function connect(library: Library, ports: Ports, count: number): Promise<Session[]> {
  const sessions: Session[] = [];
  for (let i = 0; i < count; i += 1) sessions.push(await library.connect('managed', ports.managed));
  return sessions;
}

async function heap(): Promise<number> {
  await setTimeout(REST);
  gc?.();
  gc?.();
  return process.memoryUsage().heapUsed;
}

/** The names of what can be measured. */
export type Measurement = keyof typeof measures;

export const measures = {
  receive: receive('plain'),
  receiveManaged: receive('managed'),
  send: perStanza('plain', SENT, nothing, sendBursts),
  sendSingly: perStanza('plain', SENT_SINGLY, nothing, sendSingly),
  sendManaged: perStanza('managed', SENT, nothing, sendBursts),
  echo: perStanza(
    'plain',
    ECHOED,
    (session) => session.echo(),
    (session) => session.command('echo', ECHOED),
  ),
  ping: perStanza('plain', PINGED, nothing, ping),
  login,
  starttls: flights('starttls'),
  direct: flights('direct'),
  idle,
} satisfies Record<string, Measure>;
