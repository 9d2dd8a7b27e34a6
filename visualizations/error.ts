// Apart from the engine, whose types are elkjs's: who has none can still name the error.

/** elkjs is not installed. */
export class LayoutEngineMissingError extends Error {
  override readonly name = 'LayoutEngineMissingError';
  readonly code = 'LAYOUT_ENGINE_MISSING';

  constructor(cause: unknown) {
    super('drawing a chart needs elkjs: npm install elkjs', { cause });
  }
}
