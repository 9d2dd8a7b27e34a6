import type { Emitter } from '../emitter.ts';
import { describeFailure } from '../error.ts';
import { childLogger, type Logger } from '../logger.ts';
import type { ClientEvents } from './events.ts';

/** Writes the life of a client to a logger, under its JID. Neither stanzas nor secrets come here. */
export function attachLogger(logger: Logger, jid: string, events: Emitter<ClientEvents>): void {
  const log = childLogger(logger, 'jid', jid);
  const why = (reason: ClientEvents['destroyed']['reason']) => (reason === null ? '' : `: ${describeFailure(reason)}`);
  events.on('established', (event) => log.info(`established as ${event.jid}`));
  events.on('resumed', () => log.info('resumed'));
  events.on('online', ({ gapMs }) => log.debug(`online after ${gapMs} ms`));
  events.on('suspended', ({ reason }) => log.warn(`suspended${why(reason)}`));
  events.on('destroyed', ({ reason }) => log[reason === null ? 'info' : 'warn'](`session destroyed${why(reason)}`));
  events.on('waiting', ({ attempt, delay, reason }) => log.warn(`attempt ${attempt} in ${delay} ms${why(reason)}`));
  events.on('failure', ({ failure }) => log.error(`failed${why(failure)}`));
  events.on('stopped', () => log.info('stopped'));
  events.on('handlerError', ({ error }) => log.error(`a handler threw: ${String(error)}`));
}
