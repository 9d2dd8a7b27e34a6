import type { Element } from '../xml/element.ts';
import type { DropKind, FaultList } from './faults.ts';

/** A live connection: what a session speaks through, and what a test holds on to. */
export interface Link {
  /** Counts the connections of a server, from 1 on. */
  readonly number: number;
  /** Faults of this connection alone. */
  readonly faults: FaultList;
  /** Sends an element, or text as it is; `element` is what the text says. */
  send(what: Element | string, element?: Element): void;
  /**
   * Ends the stream in order, with a stream error if there is a condition (RFC 6120 §4.9.3). A session that can be resumed
   * still can be; `session.end` is for the other case.
   */
  end(condition?: string, text?: string, ...details: Element[]): void;
  /** Drops the connection now. */
  drop(kind: DropKind): void;
  /** Resolves when everything sent so far is with the operating system. */
  flushed(): Promise<void>;
}
