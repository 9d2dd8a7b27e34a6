/**
 * What may be shown of a value from a running program: plain data of bounded size, with what looks like a secret left out.
 * Never throws, whatever the value does when it is looked at.
 */
import type { Json } from './world.ts';

/** Objects and lists within each other that are shown. */
const MAX_DEPTH = 6;
/** Entries of one object or list that are shown. */
export const MAX_BREADTH = 50;
/** Characters of one string that are shown. */
const MAX_STRING = 2_000;
/** Characters of one name that are shown. */
const MAX_NAME = 200;
/** Characters of all strings and names of a value together, every value counting as one more. */
const MAX_SIZE = 16_000;

/** Stands in for what is under a name that looks secret. */
export const HIDDEN = '[hidden]';

/** Names of what nobody else should see. */
const SECRET =
  /passw|passphrase|passcode|secret|token|credential|authorization|cookie|challenge|bearer|private[-_]?key|api[-_]?key|^(?:pass|pwd|auth|jwt)$/i;

interface Look {
  /** What is left of `MAX_SIZE`. */
  left: number;
  /** The objects that are being looked at, the outermost first. */
  readonly within: object[];
}

/** `value` as plain data. */
export function redact(value: unknown): Json {
  return show(value, { left: MAX_SIZE, within: [] });
}

/** What is shown of what is under a name. */
export function redactNamed(name: string, value: unknown): Json {
  return hides(name, value) ? HIDDEN : redact(value);
}

/** `text` cut to a length, saying how much is missing. */
export function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}… (${text.length - length} more)`;
}

/** A name or an id cut to a length that names have. */
export const clipName = (name: string): string => clip(name, MAX_NAME);

/** That there is none, or whether, is no secret. */
function hides(name: string, value: unknown): boolean {
  return value !== null && value !== undefined && typeof value !== 'boolean' && SECRET.test(clipName(name));
}

function show(value: unknown, look: Look): Json {
  look.left -= 1;
  if (look.left < 0) return '…';
  switch (typeof value) {
    case 'string': {
      const text = clip(value, Math.min(MAX_STRING, look.left));
      look.left -= text.length;
      return text;
    }
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      // To write down a very long one takes very long.
      return BigInt.asIntN(64, value) === value ? String(value) : '[bigint]';
    case 'symbol':
      return clipName(String(value));
    case 'function':
      return named('function', () => value.name);
    case 'undefined':
      return null;
    case 'object':
      return value === null ? null : showObject(value, look);
  }
}

function showObject(value: object, look: Look): Json {
  if (look.within.includes(value)) return '[circular]';
  if (look.within.length === MAX_DEPTH) return '…';
  look.within.push(value);
  try {
    if (Array.isArray(value)) return showList(value, value.length, look);
    if (isPlain(value)) return showEntries(Object.keys(value), (key) => value[key], look);
    if (value instanceof Error) return showError(value, look);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof Map) {
      const entries = new Map([...first(value)].map(([key, inner]) => [String(redact(key)), inner]));
      return showEntries([...entries.keys()], (key) => entries.get(key), look, value.size);
    }
    if (value instanceof Set) return showList([...first(value)], value.size, look);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      return `[${clipName(value.constructor.name)}, ${value.byteLength} bytes]`;
    }
    const { sessionId, send } = value as { sessionId?: unknown; send?: unknown };
    if (typeof sessionId === 'string' && typeof send === 'function') return `[actor ${clipName(sessionId)}]`;
    return named('', () => value.constructor.name);
  } catch {
    return '[unreadable]';
  } finally {
    look.within.pop();
  }
}

function showList(list: readonly unknown[], length: number, look: Look): Json {
  const at = (index: number) => attempt(() => list[index]);
  const shown = Array.from({ length: Math.min(length, MAX_BREADTH) }, (_, index) => show(at(index), look));
  if (length > MAX_BREADTH) shown.push(`… ${length - MAX_BREADTH} more`);
  return shown;
}

function showEntries(
  keys: readonly string[],
  get: (key: string) => unknown,
  look: Look,
  size = keys.length,
): { [key: string]: Json } {
  const shown: { [key: string]: Json } = {};
  for (const key of keys.slice(0, MAX_BREADTH)) {
    // Setting this one would give the object another prototype.
    if (key === '__proto__') continue;
    const value = attempt(() => get(key));
    if (value === undefined) continue;
    const name = clipName(key);
    look.left -= name.length;
    shown[name] = hides(key, value) ? HIDDEN : show(value, look);
    if (look.left < 0) break;
  }
  if (size > MAX_BREADTH) shown['…'] = `${size - MAX_BREADTH} more`;
  return shown;
}

/** Without the stack: it tells of the machine more than of the error. */
function showError(error: Error, look: Look): Json {
  const { name, message } = error;
  const rest = Object.keys(error).filter((key) => key !== 'name' && key !== 'message' && key !== 'stack');
  const keys = 'cause' in error && !rest.includes('cause') ? [...rest, 'cause'] : rest;
  const read = (key: string) => (error as unknown as { [key: string]: unknown })[key];
  return { name: show(name, look), message: show(message, look), ...showEntries(keys, read, look) };
}

/** Whether it is the work of an object literal, of whatever realm. */
export function isPlain(value: unknown): value is { readonly [key: string]: unknown } {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function* first<T>(values: Iterable<T>): Generator<T> {
  let count = 0;
  for (const value of values) {
    if (count === MAX_BREADTH) return;
    yield value;
    count += 1;
  }
}

/** What `get` returns, or what stands in for it if that throws. */
export function attempt(get: () => unknown, instead = '[unreadable]'): unknown {
  try {
    return get();
  } catch {
    return instead;
  }
}

/** `[function hail]`, `[Romeo]`; `[object]` for what does not tell. */
function named(kind: string, get: () => unknown): string {
  const name = attempt(get, '');
  return `[${[kind, typeof name === 'string' ? clipName(name) : ''].filter((part) => part !== '').join(' ') || 'object'}]`;
}
