/**
 * A whole client against a server that says what a recording says, in memory and without a clock that runs by itself. The
 * recording may be of anything: the server goes through it, waiting for what the client is to say only as long as anything
 * moves.
 */
import type { AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { type InspectedClient, StanzaError } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import { type MemorySocket, type MemoryTransport, memoryTransport } from '../../src/testing/memory.ts';
import { Chance, hash } from '../chance.ts';
import { GRAMMAR, LETTERS } from '../sockets/grammar.ts';
import { type Life, life, PASSWORD } from './life.ts';
import { mutateRecording } from './mutate.ts';
import { toBytes, topLevel, toText } from './pieces.ts';
import { heard, readRecording, recordings, type Step } from './recording.ts';
import { hold, type Target } from './target.ts';

/** Milliseconds, as the client is told. */
const NEGOTIATION = 10_000;
const SHUTDOWN = 5_000;
const LIVENESS = { idle: 20_000, answer: 20_000 };
const LONGEST_PAUSE = 4_000;
/** In which a client that nobody answers any more has come to rest: connecting, silence and a pause, with room to spare. */
const REST = 10 * (NEGOTIATION + LIVENESS.idle + LIVENESS.answer + SHUTDOWN + LONGEST_PAUSE);
/** Milliseconds in which a client that was told to stop has stopped: to write, to say goodbye, and to close the socket. */
const FAREWELL = SHUTDOWN + 2_000;
/** Timers that fire in one of these times; a client that rearms one over and over has come to no rest. */
const TIMERS = 500;
/** Bytes that a client may write on one connection. */
const MOST_WRITTEN = 1_000_000;

/** The server's end of one connection. */
class Party {
  readonly #socket: MemorySocket;
  readonly #waiting: { what: string; id: string | null }[] = [];
  #unfinished = '';
  written = 0;
  gone = false;

  constructor(socket: MemorySocket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#hear(bytes));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      this.gone = true;
    });
  }

  #hear(bytes: Buffer): void {
    this.written += bytes.length;
    const text = this.#unfinished + toText(bytes);
    const end = text.lastIndexOf('>') + 1;
    this.#unfinished = text.slice(end);
    for (const element of topLevel(text.slice(0, end))) this.#waiting.push(heard(element));
  }

  /** Takes what the client said that is so described; whether it did. */
  claim(what: string, label: string | null, ids: Map<string, string>): boolean {
    const index = this.#waiting.findIndex((one) => one.what === what);
    if (index === -1) return false;
    const [{ id } = { id: null }] = this.#waiting.splice(index, 1);
    if (label !== null && id !== null) ids.set(label, id);
    return true;
  }

  say(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.end();
  }
}

const refused = () => Object.assign(new Error('refused'), { code: 'ECONNREFUSED', syscall: 'connect' });

const escaped: unknown[] = [];
let watching = false;

/** From now on, rejections that nobody handles are kept. */
function watchRejections(): void {
  if (watching) return;
  watching = true;
  process.on('unhandledRejection', (reason) => escaped.push(reason));
}

/** What else there is to a session than what is said. */
export interface Circumstances {
  readonly chance: Chance;
  /** The application takes its time. */
  readonly slow: boolean;
  /** The client is stopped wherever it is in the end, and not let come to rest before. */
  readonly hurried: boolean;
  /** Some connections bring what the server says in pieces. */
  readonly pieces: boolean;
}

/** Circumstances that are the same for the same recording. */
function circumstancesOf(text: string): Circumstances {
  const chance = new Chance(hash(toBytes(text)));
  return { chance, slow: chance.below(3) === 0, hurried: chance.below(2) === 0, pieces: chance.below(2) === 0 };
}

/** A client and its server, and everything that is noticed of them. */
class Replay {
  readonly clock = new ManualClock();
  readonly memory: MemoryTransport;
  readonly life: Life;
  /** Connections that no section of the recording has been played on. */
  readonly #fresh: Party[] = [];
  readonly #ids = new Map<string, string>();
  readonly #machines = new Set<{ getSnapshot(): unknown }>();
  readonly #hurried: boolean;
  #open = true;
  /** The client asked for a session, on the connection it has. */
  #asked = false;
  /** The events of the lifecycle so far, a letter each. */
  told = '';
  #wrong: string | null = null;

  constructor({ chance, slow, hurried, pieces }: Circumstances) {
    this.#hurried = hurried;
    this.memory = memoryTransport(
      {
        accept: (socket) => {
          if (!this.#open) throw refused();
          // What a slow application is told may have come by an earlier connection.
          this.#asked &&= slow;
          this.#fresh.push(new Party(socket));
        },
      },
      {
        onLink: (link) => {
          if (pieces && chance.below(2) === 0) link.split = 1 + chance.below(200);
        },
      },
    );
    this.life = life(
      {
        jid: 'alice@example.org/fuzz',
        password: PASSWORD,
        tls: 'off',
        plainOnLoopback: true,
        mechanisms: ['PLAIN'],
        resolveSrv: async () => [],
        endpoints: [{ host: '127.0.0.1' }],
        connect: (endpoint, options) => {
          // The domain itself is tried, too, where nobody listens.
          if (endpoint.source === 'fallback') throw refused();
          return this.memory.connect(endpoint, options);
        },
        clock: this.clock,
        random: chance.next,
        negotiationTimeout: NEGOTIATION,
        shutdownTimeout: SHUTDOWN,
        liveness: LIVENESS,
        backoff: { start: 1_000, factor: 2, cap: LONGEST_PAUSE },
        streamManagement: { onResumeRefused: chance.below(2) === 0 ? 'report' : 'resend' },
        inspect: Object.assign((event: InspectionEvent) => this.#inspect(event), {
          client: (client: InspectedClient) => {
            client.tap(({ direction, xml }) => {
              if (direction === 'out' && /<iq [^>]*id="bind"|<resume /.test(xml)) this.#asked = true;
            });
          },
        }),
      },
      slow,
    );
    this.#listen();
  }

  #inspect(event: InspectionEvent): void {
    if (event.type === '@xstate.actor') this.#machines.add(event.actorRef as unknown as { getSnapshot(): unknown });
  }

  #listen(): void {
    const { client } = this.life;
    for (const [type, letter] of Object.entries(LETTERS)) {
      client.on(type as keyof typeof LETTERS, () => {
        this.told += letter;
      });
    }
    for (const type of ['message', 'presence', 'invalid'] as const) {
      client.on(type, () => {
        if (!this.#asked) this.#wrong ??= `${type} before there is a session`;
      });
    }
    client.on('handlerError', ({ error }) => {
      // What a service refuses is answered.
      if (!(error instanceof StanzaError)) this.#wrong ??= `a service threw ${error}`;
    });
  }

  /** Goes through the recording. */
  async play(connections: readonly (readonly Step[])[]): Promise<void> {
    for (const steps of connections) {
      const party = await this.#connected();
      if (party === null) break;
      for (const step of steps) {
        if (party.gone) break;
        await this.#take(step, party);
      }
      await this.memory.quiet();
      hold(party.written < MOST_WRITTEN, 'it writes without end');
    }
    this.#open = false;
  }

  /** Waits for the client to connect; null when it does not any more. */
  async #connected(): Promise<Party | null> {
    for (let timers = 0; timers < TIMERS; timers += 1) {
      await this.memory.quiet();
      const party = this.#fresh.shift();
      if (party !== undefined) return party;
      if (!this.clock.next()) return null;
    }
    return null;
  }

  async #take(step: Step, party: Party): Promise<void> {
    switch (step.type) {
      case 'hear':
        if (party.claim(step.what, step.id, this.#ids)) return;
        await this.memory.quiet(4);
        party.claim(step.what, step.id, this.#ids);
        return;
      case 'say':
        party.say(toBytes(step.text.replace(/\$\d+/g, (label) => this.#ids.get(label) ?? label)));
        return;
      case 'end':
        party.end();
        return;
      case 'reset':
        await this.memory.quiet(4);
        this.memory.link?.drop('rst');
        return;
      case 'silence':
        await this.memory.quiet(4);
        this.memory.link?.drop('silence');
    }
  }

  /** Lets time pass until something is so; whether it came to be within `limit`. */
  async #until(isSo: () => boolean, limit: number): Promise<boolean> {
    const deadline = this.clock.now() + limit;
    for (let timers = 0; timers < TIMERS; timers += 1) {
      await this.memory.quiet();
      if (isSo()) return true;
      const [next] = this.clock.pending;
      if (next === undefined || next > deadline) return false;
      this.clock.next();
    }
    return false;
  }

  /** What has to hold at the end, and on the way there. */
  async check(): Promise<void> {
    const { client, tokens, waiting } = this.life;
    const resting = () => ['failed', 'offline'].includes(client.phase) || client.getSnapshot().retry !== null;
    // Or it is stopped wherever it is.
    const rested = this.#hurried || (await this.#until(resting, REST));
    hold(rested, `it hangs: ${client.phase}, ${state(client.actor)}`);
    let stopped = !client.running;
    client.stop().then(() => {
      stopped = true;
    });
    hold(await this.#until(() => stopped, FAREWELL), `it does not stop: ${client.phase}, ${state(client.actor)}`);
    await this.memory.quiet();
    hold(this.#wrong === null, String(this.#wrong));
    hold(client.actor.getSnapshot().status === 'active', `the actor is ${client.actor.getSnapshot().status}`);
    for (const actor of this.#machines) {
      const snapshot = actor.getSnapshot() as AnyMachineSnapshot | undefined;
      const broken = snapshot !== undefined && 'machine' in snapshot && snapshot.status === 'error';
      hold(!broken, `a machine broke: ${snapshot?.error}`);
    }
    hold(this.told !== '' && GRAMMAR.test(this.told), `it tells no sense: ${this.told}`);
    hold(this.clock.pending.length === 0, 'timers are left');
    hold(waiting.size === 0, `requests are left: ${[...waiting].join(', ')}`);
    const unsettled = tokens.filter(({ state }) => state === 'queued' || state === 'sent');
    hold(unsettled.length === 0, `tokens are left: ${unsettled.map(({ state }) => state).join(', ')}`);
    const { delivery } = client;
    hold(
      delivery.queued + delivery.unacked + delivery.requests === 0,
      `not everything is let go: ${JSON.stringify(delivery)}`,
    );
    hold(
      this.memory.links.every(({ near }) => near.destroyed),
      'a socket is left',
    );
    const rejections = escaped.splice(0);
    hold(rejections.length === 0, `a rejection escaped: ${rejections[0]}`);
  }
}

function state(actor: { getSnapshot(): { readonly value: unknown } }): string {
  return JSON.stringify(actor.getSnapshot().value);
}

/** Plays a recording to a client and looks at everything that comes of it; returns the events of its life, a letter each. */
export async function checkSession(text: string, circumstances = circumstancesOf(text)): Promise<string> {
  watchRejections();
  const replay = new Replay(circumstances);
  try {
    await replay.play(readRecording(text));
    await replay.check();
    return replay.told;
  } finally {
    replay.memory.close();
  }
}

const HEADER =
  "< <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='x'>";
const FEATURES =
  "< <stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
const BIND =
  "< <stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>";
const SUCCESS = "< <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const BOUND =
  "< <iq type='result' id='$1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>alice@example.org/x</jid></bind></iq>";
const ENABLED = "< <enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>";
const MESSAGE = "< <message from='bob@example.org/x'><body>x</body></message>";

/** Servers that do what the real ones do not. */
const STRANGE: readonly string[] = [
  // Speaks too early.
  ['connection', '> stream:stream', HEADER, MESSAGE, FEATURES, '> auth', SUCCESS, HEADER, MESSAGE, BIND, MESSAGE],
  ['connection', HEADER, FEATURES, SUCCESS, HEADER, BIND, BOUND, ENABLED, MESSAGE],
  // Falls silent, at one place after the other.
  ['connection', 'connection', '> stream:stream', HEADER, 'connection', '> stream:stream', HEADER, FEATURES],
  // Ends the stream at once, over and over.
  ['connection', '> stream:stream', HEADER, '< </stream:stream>', 'connection', 'end', 'connection', 'reset'],
  // Pushes what is no roster, and answers what nobody asked.
  [
    ...['connection', '> stream:stream', HEADER, FEATURES, '> auth', SUCCESS, '> stream:stream', HEADER, BIND],
    ...[
      '> iq set urn:ietf:params:xml:ns:xmpp-bind $1',
      BOUND,
      '> enable',
      ENABLED,
      '> iq get jabber:iq:roster $2',
      MESSAGE,
    ],
    "< <iq type='set' id='a'><query xmlns='jabber:iq:roster'><item/></query></iq>",
    "< <iq type='result' id='$2'><query xmlns='jabber:iq:roster'><item/><item jid='@'/></query></iq>",
    "< <iq type='result' id='a'/><iq type='get'/><iq/><presence type='x'/><presence from='@'/><message from='/'/>",
  ],
].map((lines) => lines.join('\n'));

/** A recording that breaks off, at each place of its login and of its resumption. */
function silences(recording: string): string[] {
  const lines = recording.split('\n');
  const starts = lines.flatMap((line, index) => (line === 'connection' ? [index] : [])).slice(0, 2);
  const ends = starts.flatMap((start) => Array.from({ length: 20 }, (_, index) => start + index));
  return ends.map((end) => lines.slice(0, end).join('\n'));
}

export const session: Target = {
  name: 'session',
  seeds: [...recordings().values(), ...STRANGE, ...silences([...recordings().values()].at(-1) as string)],
  mutate: mutateRecording,
  code: /\/(?:src\/(?!testing)|machines\/)/,
  run: async (text) => void (await checkSession(text)),
};
