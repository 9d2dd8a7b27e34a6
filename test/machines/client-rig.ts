/**
 * A client on the bench: its own chart with the real ones for stream, negotiation and backoff below it. Only SASL is cut
 * short. Everything else is told by the names of what a server, an application or the platform does.
 */
import { assign, fromCallback, setup } from 'xstate';
import { type ClientEmitted, type ClientSettings, clientMachine } from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Failure } from '../../machines/failure.ts';
import { negotiationMachine, sampleSettings } from '../../machines/index.ts';
import type { SaslOutput, saslMachine } from '../../machines/sasl.ts';
import type { Features, Ticket } from '../../machines/wire.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import { leavesOf } from '../../src/testing/explore.ts';
import { Rig, words } from './rig.ts';
import { choice, endpoint, FOOTER, features, reset, security, ticket } from './samples.ts';

export const JID = 'me@example.org/home';

/** Pauses double from a second on; a session is asked for, and kept, where the server lets us. */
export const SETTINGS: ClientSettings = {
  ...sampleSettings,
  backoff: { start: 1_000, factor: 2, cap: 60_000 },
  maxInitialAttempts: null,
};

/** Milliseconds a stream may take to end once it was asked to: the peer's footer, then the connection. */
export const CLOSING_TIME = SETTINGS.shutdownTimeout + 1_000;

const EMITTED = /^(established|resumed|suspended|destroyed|online|waiting|stopped|failure|presenceSent)\b/;

const atOnce = setup({ types: { output: {} as SaslOutput } }).createMachine({
  initial: 'done',
  states: { done: { type: 'final' } },
  output: { type: 'authenticated', choice },
});

const negotiation = negotiationMachine.provide({ actors: { sasl: atOnce as unknown as typeof saslMachine } });

export class ClientRig extends Rig<typeof clientMachine> {
  /** What the shell does and knows: transports opened and closed, and when a byte came or a probe went out last. */
  readonly shell;

  constructor(settings: Partial<ClientSettings> = {}) {
    const clock = new ManualClock();
    const shell = { opened: 0, closed: 0, heardAt: 0, probedAt: 0 };
    const machine = clientMachine.provide({
      actors: {
        negotiation,
        transport: fromCallback(() => {
          shell.opened += 1;
          return () => {
            shell.closed += 1;
          };
        }),
      },
      actions: {
        observe: assign(() => {
          const now = clock.now();
          return { world: { now, chance: 1, silence: now - shell.heardAt, sinceProbe: now - shell.probedAt } };
        }),
        writeProbe: () => {
          shell.probedAt = clock.now();
        },
      },
    });
    super(machine, { settings: { ...SETTINGS, ...settings } }, clock);
    this.shell = shell;
  }

  protected override tell(event: ClientEmitted): string {
    if (event.type === 'established' || event.type === 'resumed') return event.type;
    if (event.type === 'online') return `online ${event.resumed ? 'again' : 'anew'} after ${event.gapMs}`;
    return words(event);
  }

  get link(): string {
    return leavesOf(this.snapshot.value.link);
  }

  get session(): string {
    return leavesOf(this.snapshot.value.session);
  }

  /** The phase as the tags have it. */
  get phase(): string {
    return [...this.snapshot.tags].join();
  }

  /** What was emitted since the log was asked for last. */
  events(): string[] {
    return this.log().filter((line) => EMITTED.test(line));
  }

  start(): this {
    return this.send({ type: 'start' });
  }

  stop(): this {
    return this.send({ type: 'stop' });
  }

  /** The source that is asked knows these hosts. */
  named(...hosts: string[]): this {
    return this.done(hosts.map(endpoint), 'resolve');
  }

  /** The domain's records know these hosts, and nobody before them knew any. */
  found(...hosts: string[]): this {
    while (this.context.sweep.source !== 'discovery') this.named();
    return this.named(...hosts);
  }

  /** A connection with TLS from the first byte, and the server's header on it. */
  connect(): this {
    return this.send({ type: 'transport.connected', security }, { type: 'stream.header', id: 'x', fault: null });
  }

  /** The server's features. */
  offer(some: Partial<Features>): this {
    return this.send({ type: 'features', features: features(some) });
  }

  login(): this {
    return this.offer({ mechanisms: ['SCRAM-SHA-256'] });
  }

  /** A new session is bound, with stream management if there is a ticket for it. */
  bind(granted: Ticket | null = ticket): this {
    if (!this.#isBinding) this.offer({ bind: true, sm: granted !== null });
    this.send({ type: 'bind.result', jid: JID });
    return granted === null ? this : this.send({ type: 'sm.enabled', ticket: granted });
  }

  get #isBinding(): boolean {
    return this.snapshot.children.negotiation?.getSnapshot().value === 'binding';
  }

  /** The application's hooks are through. */
  prepared(): this {
    return this.done(undefined, 'prepare');
  }

  /** From the start to a session that is established; nothing of it in the log. */
  online(granted: Ticket | null = ticket): this {
    this.start().found('a').connect().login().bind(granted).prepared().log();
    return this;
  }

  /** The connection is gone, without a word or for a reason. */
  lose(failure: Failure = reset): this {
    return this.send({ type: 'transport.lost', failure });
  }

  /** The server sends a stream error, and the stream ends on both sides. */
  streamError(failure: Failure, redirect: Pick<Endpoint, 'host' | 'port'> | null = null): this {
    return this.send({ type: 'stream.error', failure, redirect }, FOOTER).lose();
  }

  /** The stream that we are ending is ended by the server, too. */
  farewell(): this {
    return this.send(FOOTER).lose();
  }

  /** The pause before the next attempt is over. */
  wait(): this {
    return this.pass(this.context.retry?.delay ?? 0);
  }

  /** After a loss: the pause, then as far as the features behind authentication. */
  reconnect(): this {
    return this.wait().found('a').connect().login();
  }

  /** The server takes the session back. */
  resume(): this {
    return this.offer({ bind: true, sm: true }).send({ type: 'sm.resumed', previd: 'previous' });
  }

  /** The server offers stream management and will not take the session back. */
  refuse(): this {
    return this.offer({ bind: true, sm: true }).send({ type: 'sm.failed', condition: 'item-not-found' });
  }
}
