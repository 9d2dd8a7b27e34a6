/** Anything like `console`, or pino. */
export interface Logger {
  /** Details, such as what a look-up came to. */
  debug(message: string): void;
  /** A session began, went on, or ended as asked. */
  info(message: string): void;
  /** An interruption, and what goes on in spite of it. */
  warn(message: string): void;
  /** The end of a run that failed, and what handlers threw. */
  error(message: string): void;
  /** Makes a logger for a part, where there can be one. */
  child?(bindings: Record<string, unknown>): Logger;
}

/** Least first; each takes in those before it. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

/** How much is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger for the part that `value` names: a child where there can be one, else one that says the name every time. */
export function childLogger(logger: Logger, key: string, value: string): Logger {
  return logger.child?.({ [key]: value }) ?? prefixed(logger, `${value}: `);
}

function prefixed(logger: Logger, prefix: string): Logger {
  return {
    debug: (message) => logger.debug(prefix + message),
    info: (message) => logger.info(prefix + message),
    warn: (message) => logger.warn(prefix + message),
    error: (message) => logger.error(prefix + message),
  };
}

/** A logger that hears nothing below `level`. */
export function atLevel(logger: Logger, level: LogLevel): Logger {
  const least = LOG_LEVELS.indexOf(level);
  const say = (at: 'debug' | 'info' | 'warn' | 'error') => (message: string) => {
    if (LOG_LEVELS.indexOf(at) <= least) logger[at](message);
  };
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}
