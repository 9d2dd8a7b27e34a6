// Apart from the engine, whose types are elkjs's: who has none can still name the error.

/** elkjs is not installed. */
export class LayoutEngineMissingError extends Error {
  override readonly name = 'LayoutEngineMissingError';
  /** For those who would rather not compare classes. */
  readonly code = 'LAYOUT_ENGINE_MISSING';

  /** @internal Made where charts are drawn. */
  constructor(cause: unknown) {
    super('drawing a chart needs elkjs: npm install elkjs', { cause });
  }
}
