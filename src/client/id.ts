/** Bytes of an id: 128 bits, 22 characters. */
const SIZE = 16;

/** Chance is drawn for many ids at once, which costs no more than for one. */
const pool = Buffer.alloc(SIZE * 128);
let next = pool.length;

/** An id that is not used twice, and that nobody can guess, whatever others he has seen. RFC 6120 §8.1.3 */
export function newId(): string {
  if (next === pool.length) {
    crypto.getRandomValues(pool);
    next = 0;
  }
  const id = pool.toString('base64url', next, next + SIZE);
  next += SIZE;
  return id;
}
