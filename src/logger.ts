/** Anything like `console`, or pino. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** Makes a logger for a part, where there can be one. */
  child?(bindings: Record<string, unknown>): Logger;
}

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
