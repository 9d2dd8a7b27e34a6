import type { Emitter } from '../emitter.ts';
import { describeFailure, explain, oneLine } from '../error.ts';
import { atLevel, childLogger, type Logger, type LogLevel } from '../logger.ts';
import type { Tap } from '../stream/tap.ts';
import type { ClientEvents } from './events.ts';

/**
 * Writes the life of a client to a logger, under its JID, and at level `trace` all that crosses the wire. Secrets never come
 * here, and stanzas at no other level.
 */
export function attachLogger(
  logger: Logger,
  level: LogLevel,
  jid: string,
  events: Emitter<ClientEvents>,
  tap: Tap,
): void {
  const log = atLevel(childLogger(logger, 'jid', jid), level);
  const why = (reason: ClientEvents['destroyed']['reason']) => (reason === null ? '' : `: ${describeFailure(reason)}`);
  events.on('established', (event) => log.info(`established as ${event.jid}`));
  events.on('resumed', () => log.info('resumed'));
  events.on('online', ({ gapMs }) => log.debug(`online after ${gapMs} ms`));
  events.on('suspended', ({ reason }) => log.warn(`suspended${why(reason)}`));
  events.on('destroyed', ({ reason }) => log[reason === null ? 'info' : 'warn'](`session destroyed${why(reason)}`));
  events.on('waiting', ({ attempt, delay, reason }) => log.warn(`attempt ${attempt} in ${delay} ms${why(reason)}`));
  events.on('failure', ({ failure }) => log.error(`failed: ${explain(failure)}`));
  events.on('stopped', () => log.info('stopped'));
  events.on('handlerError', ({ error }) => log.error(`a handler threw: ${oneLine(String(error))}`));
  if (level === 'trace') tap.add(({ direction, xml }) => log.debug(`${direction}: ${oneLine(xml)}`));
}
