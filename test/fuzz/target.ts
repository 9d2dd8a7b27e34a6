import type { Mutation } from './mutate.ts';

/** Something that takes input from anybody, and what has to hold of it. */
export interface Target {
  /** Also the folder of its inputs that failed once. */
  readonly name: string;
  /** Inputs to begin with, as binary texts. */
  readonly seeds: readonly string[];
  readonly mutate: Mutation;
  /** An input made from scratch. */
  readonly make?: (seed: number) => string;
  /** The scripts whose blocks are to be reached, by address. */
  readonly code: RegExp;
  /** Throws when something does not hold for this input. */
  run(text: string): void | Promise<void>;
}

/** Something does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Throws what `message` says unless `condition` holds. */
export function hold(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Violation(message);
}

/** What `work` gives, or null when it throws an error of one of the types; any other error is a finding. */
export function expecting<T>(work: () => T, ...types: readonly (abstract new (...args: never[]) => Error)[]): T | null {
  try {
    return work();
  } catch (error) {
    if (types.some((type) => error instanceof type)) return null;
    throw error;
  }
}
