import { createHook } from 'node:async_hooks';

/** Counts how often a password is salted while `body` runs. */
export async function salted<T>(body: () => Promise<T>): Promise<[count: number, result: T]> {
  let count = 0;
  const hook = createHook({
    init: (_, type) => {
      if (type === 'PBKDF2REQUEST') count += 1;
    },
  }).enable();
  try {
    const result = await body();
    return [count, result];
  } finally {
    hook.disable();
  }
}
