import type { Emitter } from '../emitter.ts';
import { describeFailure } from '../error.ts';
import type { ClientEvents } from './events.ts';

/** Anything like `console`, or pino. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** Makes a logger for a part, where there can be one. */
  child?(bindings: Record<string, unknown>): Logger;
}

/** Writes the life of a client to a logger, under its JID. Neither stanzas nor secrets come here. */
export function attachLogger(logger: Logger, jid: string, events: Emitter<ClientEvents>): void {
  const log = logger.child?.({ jid }) ?? prefixed(logger, `${jid}: `);
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

function prefixed(logger: Logger, prefix: string): Logger {
  return {
    debug: (message) => logger.debug(prefix + message),
    info: (message) => logger.info(prefix + message),
    warn: (message) => logger.warn(prefix + message),
    error: (message) => logger.error(prefix + message),
  };
}
