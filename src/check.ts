/** Checks of what an application gives: each takes the path of an option and its value, and says what is wrong with it. */
import { LONGEST_DELAY } from './clock.ts';
import { OptionError } from './error.ts';

/** Refuses what is no object, and what is in it under other names than these. */
export function only(path: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null) throw new OptionError(path, 'has to be an object');
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const where = path === '' ? unknown : `${path}.${unknown}`;
  throw new OptionError(where, `is no option; there are: ${names.join(', ')}`);
}

export function text(path: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'string') throw new OptionError(path, 'has to be a text');
}

export function func(path: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw new OptionError(path, 'has to be a function');
}

/** An object with these methods. */
export function has(path: string, value: unknown, methods: readonly string[]): void {
  if (value === undefined) return;
  const object = Object(value) as Record<string, unknown>;
  const missing = methods.find((name) => typeof object[name] !== 'function');
  if (missing !== undefined) throw new OptionError(path, `has no method ${missing}; needed are: ${methods.join(', ')}`);
}

export function flag(path: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw new OptionError(path, 'has to be true or false');
  return value;
}

export function oneOf<T extends string | number>(
  path: string,
  value: T | undefined,
  allowed: readonly T[],
  fallback: T,
): T {
  if (value === undefined) return fallback;
  if (!allowed.includes(value)) throw new OptionError(path, `has to be one of ${allowed.join(', ')}`);
  return value;
}

/** Milliseconds. */
export function time(path: string, value: number | undefined, fallback: number, min: number): number {
  return number(path, value, fallback, min, LONGEST_DELAY);
}

export function number(
  path: string,
  value: number | undefined,
  fallback: number,
  min: number,
  max: number = Infinity,
): number {
  if (value === undefined) return fallback;
  if (!Number.isFinite(value)) throw new OptionError(path, 'has to be a number');
  if (value < min || value > max)
    throw new OptionError(path, `has to be at least ${min}${max < Infinity ? ` and at most ${max}` : ''}`);
  return value;
}

export function whole(path: string, value: number | undefined, fallback: number, min: number, max?: number): number {
  const checked = number(path, value, fallback, min, max);
  if (!Number.isInteger(checked)) throw new OptionError(path, 'has to be a whole number');
  return checked;
}
