import type { Failure } from '../machines/failure.ts';
import { adviceOn } from './advice.ts';

/**
 * A connection, a run or something that depended on it failed. `failure` says what happened, where, and whether to try
 * again; decide by it and never by the message.
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  /** What happened, where, and whether to try again. */
  readonly failure: Failure;

  /** The cause is the error below, or for a sweep over several endpoints an `AggregateError` in the order tried. */
  constructor(failure: Failure, context?: string) {
    super(context === undefined ? explain(failure) : `${context}: ${explain(failure)}`, {
      cause: failure.attempts
        ? new AggregateError(
            failure.attempts.map((attempt) => new ConnectionError(attempt)),
            'every endpoint failed',
          )
        : failure.cause,
    });
    this.failure = failure;
  }
}

/** What happened and what to do about it, in one line. */
export function explain(failure: Failure): string {
  const advice = adviceOn(failure);
  return advice === null ? describeFailure(failure) : `${describeFailure(failure)} (${advice})`;
}

/** A failure in words for a person, in one line. */
export function describeFailure({ kind, stage, condition, text, cause, endpoint }: Failure): string {
  const details = [condition, text, cause?.message].filter((detail) => detail !== undefined && detail !== '');
  const place = endpoint === undefined ? '' : `, ${endpoint.host}:${endpoint.port}`;
  const where = `${kind} failure (${stage}${place})`;
  return details.length === 0 ? where : `${where}: ${clipped(oneLine([...new Set(details)].join(', ')))}`;
}

/** Characters of what others say that are enough for a person; a server may say a megabyte. */
const ENOUGH = 500;

function clipped(text: string): string {
  return text.length > ENOUGH ? `${text.slice(0, ENOUGH)}…` : text;
}

/** Line ends, control characters and changes of direction, by which a text could pretend to be another line of a log. */
const DECEPTIVE = /[\s\p{Cc}\u202a-\u202e\u2066-\u2069]+/gu;

/** A text of somebody's on one line. */
export function oneLine(text: string): string {
  return text.replace(DECEPTIVE, ' ');
}

/** An option is not what it has to be; `path` names it. */
export class OptionError extends TypeError {
  override readonly name = 'OptionError';
  /** Such as `backoff.start`. */
  readonly path: string;

  /** @internal Made where options are read. */
  constructor(path: string, message: string) {
    super(`${path} ${message}`);
    this.path = path;
  }
}

/** Something was asked of the client that its state does not allow. */
export class StateError extends Error {
  override readonly name = 'StateError';
}

/** The outbound queue is full; the stanza was not taken. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}

/** A request or a wait took longer than it was given. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

export const ABORTED: Failure = { kind: 'aborted', stage: 'close', text: 'the client was stopped', retry: 'user' };
