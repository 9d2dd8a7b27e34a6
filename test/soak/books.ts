/**
 * What has to be true of every single `send`, whatever happens to connections and servers. Nothing here is made good by an
 * application that repeats itself: each `send` has a number of its own, and is in the books for itself.
 *
 * - lost: the token said `acked`, and the session that the receiver had when it was sent lives on to the end, or has gone on to
 *   receive something that was sent behind it; yet it never arrived, nor came back as an error. (When the session of the receiver ends,
 *   by a restarted server or because it was away for too long, the server has nowhere to put what it still had. No client can
 *   know; that is what receipts are for. These are `orphaned`.)
 * - duplicated: it arrived twice, in whatever session.
 * - out of order: something that the same session had sent behind it arrived before it. (Unless the wire bears witness that it was
 *   written first, and came behind: then it is the server that has `reordered` them, as ejabberd does when a session is resumed
 *   in the same moment.)
 * - misreported: the token said that the server does not have it, or that it was not written, and yet it arrived.
 * - untold: its token came to no end.
 */
import type { DeliveryState } from '../../src/index.ts';

export const FAULTS = ['lost', 'duplicated', 'out of order', 'misreported', 'untold'] as const;

export type FaultKind = (typeof FAULTS)[number];

/** Somebody who sends and receives. */
export class Party {
  readonly name: string;
  /** Counts the beginnings and ends of sessions: odd while there is one. */
  session = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** One `send`. */
interface Sending {
  readonly number: number;
  /** The sessions of both when it was sent. */
  readonly from: number;
  readonly to: number;
  state: DeliveryState;
  arrived: boolean;
  /** It came back as an error. */
  bounced: boolean;
  /** What the same session sent behind it, and has arrived. */
  overtaker: Sending | null;
  /** The same, in the very session of the receiver that it was sent to. */
  skipped: boolean;
  /** When it was last written to the wire of the sender and read from that of the receiver, in turns. */
  written: number;
  came: number;
}

const hasSession = (count: number): boolean => count % 2 === 1;

const OVER: readonly DeliveryState[] = ['acked', 'unconfirmed', 'aborted', 'dropped', 'failed', 'lost'];
const REFUSED: readonly DeliveryState[] = ['aborted', 'dropped', 'failed', 'lost'];

/** The books of one direction between two parties. Holds what is not settled; the rest is counted. */
export class Books {
  readonly from: Party;
  readonly to: Party;
  readonly #report: (kind: FaultKind, number: number) => void;
  readonly #suspect: (number: number) => void;
  readonly #open = new Map<number, Sending>();
  #count = 0;
  #turn = 0;
  /** Sent back to front by the server. */
  reordered = 0;

  /**
   * @param report hears of what must not be, as soon as that is certain.
   * @param suspect hears of what may turn out to be lost, while there is still something to see.
   */
  constructor(
    from: Party,
    to: Party,
    report: (kind: FaultKind, number: number) => void,
    suspect: (number: number) => void = () => {},
  ) {
    this.from = from;
    this.to = to;
    this.#report = report;
    this.#suspect = suspect;
  }

  /** Something is being sent; returns its number. */
  send(): number {
    this.#count += 1;
    this.#open.set(this.#count, {
      number: this.#count,
      from: this.from.session,
      to: this.to.session,
      state: 'queued',
      arrived: false,
      bounced: false,
      overtaker: null,
      skipped: false,
      written: 0,
      came: 0,
    });
    return this.#count;
  }

  /** What the token says. */
  told(number: number, state: DeliveryState): void {
    const sending = this.#open.get(number);
    if (sending === undefined) return;
    sending.state = state;
    if (sending.arrived && REFUSED.includes(state)) this.#report('misreported', number);
    this.#settle(sending);
  }

  /** It went out on the wire of the sender; again, when a session is resumed. */
  written(number: number): void {
    const sending = this.#open.get(number);
    this.#turn += 1;
    if (sending !== undefined) sending.written = this.#turn;
  }

  /** It came in on the wire of the receiver. */
  came(number: number): void {
    const sending = this.#open.get(number);
    this.#turn += 1;
    if (sending !== undefined) sending.came = this.#turn;
  }

  /** The receiver has it. */
  arrived(number: number): void {
    const sending = this.#open.get(number);
    if (sending === undefined || sending.arrived) {
      this.#report('duplicated', number);
      return;
    }
    sending.arrived = true;
    if (sending.overtaker !== null) this.#judge(sending, sending.overtaker);
    if (REFUSED.includes(sending.state)) this.#report('misreported', number);
    for (const earlier of this.#open.values()) {
      if (earlier.number >= number) break;
      if (earlier.arrived || earlier.from !== sending.from) continue;
      earlier.overtaker ??= sending;
      if (earlier.skipped || earlier.to !== this.to.session || !hasSession(earlier.to)) continue;
      earlier.skipped = true;
      this.#suspect(earlier.number);
    }
    this.#settle(sending);
  }

  #judge(earlier: Sending, later: Sending): void {
    if (earlier.written < later.written && earlier.came > later.came) this.reordered += 1;
    else this.#report('out of order', earlier.number);
  }

  /** The server could not deliver it, and says so. */
  bounced(number: number): void {
    const sending = this.#open.get(number);
    if (sending !== undefined) sending.bounced = true;
  }

  #settle(sending: Sending): void {
    if (sending.arrived && OVER.includes(sending.state)) this.#open.delete(sending.number);
  }

  /** Whether every token has come to an end. */
  get settled(): boolean {
    for (const { state } of this.#open.values()) if (!OVER.includes(state)) return false;
    return true;
  }

  /** When nothing more is on its way, and everybody still online: reports what is missing, returns how many are orphaned. */
  close(): number {
    let orphaned = 0;
    for (const { number, state, to, arrived, bounced, skipped } of this.#open.values()) {
      if (!OVER.includes(state)) this.#report('untold', number);
      if (arrived || bounced || REFUSED.includes(state)) continue;
      if (skipped || (state === 'acked' && to === this.to.session && hasSession(to))) this.#report('lost', number);
      else if (state === 'acked') orphaned += 1;
    }
    return orphaned;
  }
}
