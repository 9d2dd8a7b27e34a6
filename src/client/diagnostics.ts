/** What there is to count of a client, and where monitoring hears of it: `node:diagnostics_channel`. */
import { type Channel, channel } from 'node:diagnostics_channel';
import type { ClientEmitted } from '../../machines/client.ts';
import type { Failure } from '../../machines/failure.ts';
import type { Clock } from '../clock.ts';

/** Totals since the client was made; they never shrink. What is on its way now is `client.delivery`. */
export interface ClientStats {
  /** Connections that were tried. */
  readonly attempts: number;
  /** New sessions. */
  readonly sessions: number;
  /** Sessions that went on after an interruption. XEP-0198 §5 */
  readonly resumptions: number;
  /** Connections of an established session that were lost. */
  readonly interruptions: number;
  /** Runs that ended because they could not go on. */
  readonly failures: number;
  /** Stanzas written; one that is written again counts once. */
  readonly sent: number;
  /** Of those, acknowledged by the server. XEP-0198 §4 */
  readonly acked: number;
  /** Stanzas read. */
  readonly received: number;
}

/** What is published, by the name of its channel. `jid` is the configured one, unless said otherwise. */
export interface DiagnosticMessages {
  /** A client was made. `stats` may be called at any time. */
  'xstanza:client': { readonly jid: string; stats(): ClientStats };
  /** The first session of a run. `jid` is the bound one. */
  'xstanza:connect': { readonly jid: string };
  /** A new session in place of one that was lost, after so many milliseconds. `jid` is the bound one. */
  'xstanza:reconnect': { readonly jid: string; readonly gapMs: number };
  /** The session goes on, after so many milliseconds. `jid` is the bound one. */
  'xstanza:resume': { readonly jid: string; readonly gapMs: number };
  /** A client is online no longer; `reason` is null when it was stopped. */
  'xstanza:disconnect': { readonly jid: string; readonly reason: Failure | null };
  /** The next attempt comes after `delay` milliseconds. */
  'xstanza:wait': {
    readonly jid: string;
    readonly attempt: number;
    readonly delay: number;
    readonly reason: Failure;
  };
  /** A run ended because it cannot go on. */
  'xstanza:failure': { readonly jid: string; readonly failure: Failure };
  /** Totals: as stanzas pass, every ten seconds at most, and when a client is online no longer. */
  'xstanza:stanzas': {
    readonly jid: string;
    readonly sent: number;
    readonly acked: number;
    readonly received: number;
  };
}

type Name = keyof DiagnosticMessages;

const channels: Readonly<Record<Name, Channel>> = {
  'xstanza:client': channel('xstanza:client'),
  'xstanza:connect': channel('xstanza:connect'),
  'xstanza:reconnect': channel('xstanza:reconnect'),
  'xstanza:resume': channel('xstanza:resume'),
  'xstanza:disconnect': channel('xstanza:disconnect'),
  'xstanza:wait': channel('xstanza:wait'),
  'xstanza:failure': channel('xstanza:failure'),
  'xstanza:stanzas': channel('xstanza:stanzas'),
};

/** A subscriber that throws is Node's to report, as an uncaught exception; it does not come back here. */
function publish<N extends Name>(name: N, message: DiagnosticMessages[N]): void {
  const to = channels[name];
  if (to.hasSubscribers) to.publish(message);
}

/** Milliseconds between two publications of what stanzas there were. */
const PERIOD = 10_000;

/** Counts, and publishes to whoever subscribed. A stanza costs an addition while nobody did. */
export class Diagnostics {
  readonly #jid: string;
  readonly #clock: Clock;
  readonly #counts = {
    attempts: 0,
    sessions: 0,
    resumptions: 0,
    interruptions: 0,
    failures: 0,
    sent: 0,
    acked: 0,
    received: 0,
  };
  /** A session was established in this run. */
  #reached = false;
  #online = false;
  /** When stanzas were last published. */
  #published = -PERIOD;

  constructor(jid: string, clock: Clock) {
    this.#jid = jid;
    this.#clock = clock;
    publish('xstanza:client', { jid, stats: () => this.stats() });
  }

  stats(): ClientStats {
    return { ...this.#counts };
  }

  /** A connection is tried. */
  attempted(): void {
    this.#counts.attempts += 1;
  }

  /** A stanza is written for the first time. */
  sent(): void {
    this.#counts.sent += 1;
    this.#passed();
  }

  /** So many stanzas are acknowledged. */
  acked(count: number): void {
    this.#counts.acked += count;
  }

  /** A stanza was read. */
  received(): void {
    this.#counts.received += 1;
    this.#passed();
  }

  /** Something happened in the client's life. */
  note(event: ClientEmitted): void {
    switch (event.type) {
      case 'online':
        this.#connected(event);
        break;
      case 'suspended':
        this.#counts.interruptions += 1;
        this.#disconnected(event.reason);
        break;
      case 'destroyed':
        this.#disconnected(event.reason);
        break;
      case 'waiting': {
        const { attempt, delay, reason } = event;
        publish('xstanza:wait', { jid: this.#jid, attempt, delay, reason });
        break;
      }
      case 'failure':
        this.#counts.failures += 1;
        this.#reached = false;
        publish('xstanza:failure', {
          jid: this.#jid,
          failure: event.failure,
        });
        break;
      case 'stopped':
        this.#reached = false;
    }
  }

  #connected({ jid, resumed, gapMs }: ClientEmitted & { readonly type: 'online' }): void {
    if (resumed) this.#counts.resumptions += 1;
    else this.#counts.sessions += 1;
    if (resumed) publish('xstanza:resume', { jid, gapMs });
    else if (this.#reached) publish('xstanza:reconnect', { jid, gapMs });
    else publish('xstanza:connect', { jid });
    this.#reached = true;
    this.#online = true;
  }

  #disconnected(reason: Failure | null): void {
    if (!this.#online) return;
    this.#online = false;
    publish('xstanza:disconnect', { jid: this.#jid, reason });
    this.#publishStanzas();
  }

  #passed(): void {
    if (!channels['xstanza:stanzas'].hasSubscribers || this.#clock.now() - this.#published < PERIOD) return;
    this.#publishStanzas();
  }

  #publishStanzas(): void {
    this.#published = this.#clock.now();
    const { sent, acked, received } = this.#counts;
    publish('xstanza:stanzas', {
      jid: this.#jid,
      sent,
      acked,
      received,
    });
  }
}
