/** What the charts are told when a stream ends from below or by the peer; `stage` is where in its life that was. */
import type { Failure, Stage } from '../../machines/failure.ts';
import type { StreamError, StreamEvent } from '../../machines/wire.ts';
import { failureOf } from '../transport/failure.ts';

/** The peer's footer. RFC 6120 §4.4 */
export function footerReceived(stage: Stage): StreamEvent {
  return { type: 'stream.footer', failure: failure('stream', stage, 'closed by the server') };
}

/** The peer sends no more bytes, and there was no footer. */
export function transportEnded(stage: Stage): StreamEvent {
  return { type: 'transport.ended', failure: failure('network', stage, 'the connection ended without a word') };
}

/** @param error what the socket reported, if anything. */
export function transportLost(stage: Stage, error: Error | null): StreamEvent {
  return {
    type: 'transport.lost',
    failure: error ? failureOf(error, stage) : failure('network', stage, 'connection closed'),
  };
}

/** @param condition the stream error that the peer is told. RFC 6120 §4.9.3 */
export function violation(
  stage: Stage,
  condition: string,
  text: string,
  details: Pick<StreamError, 'handledTooHigh'> = {},
): StreamEvent {
  return {
    type: 'stream.violation',
    failure: { kind: 'protocol', stage, condition, text, retry: 'backoff' },
    error: { condition, ...details },
  };
}

function failure(kind: 'stream' | 'network', stage: Stage, text: string): Failure {
  return { kind, stage, text, retry: 'backoff' };
}
