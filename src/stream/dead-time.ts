import { type Clock, LONGEST_DELAY } from '../clock.ts';

/** How long a peer may be silent, in milliseconds; undefined for as long as it likes. */
export interface DeadTimeLimits {
  /** Until somebody is told, once for every silence. */
  readonly soft?: number;
  /** Until the peer is taken for dead. */
  readonly hard?: number;
}

/** What there is to be done about silence. */
export interface DeadTimeHandler {
  /** Milliseconds since the last byte. */
  silence(): number;
  soft(): void;
  hard(): void;
}

/** Watches a silence. A byte costs nothing: the timer asks when it is due. */
export class DeadTime {
  readonly #clock: Clock;
  readonly #limits: DeadTimeLimits;
  readonly #handler: DeadTimeHandler;
  #timer: unknown;
  #running = false;
  /** The soft limit was passed in this silence. */
  #tripped = false;

  constructor(clock: Clock, limits: DeadTimeLimits, handler: DeadTimeHandler) {
    this.#clock = clock;
    this.#limits = limits;
    this.#handler = handler;
  }

  start(): void {
    this.#running = true;
    this.#arm();
  }

  stop(): void {
    this.#running = false;
    this.#disarm();
  }

  /** A byte came. */
  heard(): void {
    if (!this.#tripped) return;
    this.#tripped = false;
    this.#arm();
  }

  #arm(): void {
    this.#disarm();
    const { soft = Infinity, hard = Infinity } = this.#limits;
    const isSoft = !this.#tripped && soft < hard;
    const limit = isSoft ? soft : hard;
    if (!this.#running || limit === Infinity) return;
    const left = limit - this.#handler.silence();
    if (left > 0) this.#timer = this.#clock.setTimeout(() => this.#arm(), Math.min(Math.ceil(left), LONGEST_DELAY));
    else if (isSoft) {
      this.#tripped = true;
      this.#arm();
      this.#handler.soft();
    } else this.#handler.hard();
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
