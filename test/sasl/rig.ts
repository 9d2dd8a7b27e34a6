import { createHook } from 'node:async_hooks';
import * as assert from 'uvu/assert';
import { createMechanism } from '../../src/sasl/mechanisms.ts';
import { type Mechanism, type SaslCondition, type SaslContext, SaslError } from '../../src/sasl/types.ts';
import { createServerMechanism, type ServerSaslOptions } from '../../src/testing/sasl.ts';

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const text = (data: Uint8Array | null): string | null => data && Buffer.from(data).toString();

/** The client of the RFCs' examples, unless told otherwise. */
export const client = (name: string, context: Partial<SaslContext> = {}): Mechanism =>
  createMechanism(name, { username: 'user', password: 'pencil', binding: null, gs2: 'n', ...context });

/** A server that knows that client, unless told otherwise. */
export const server = (name: string, options: Partial<ServerSaslOptions> = {}) =>
  createServerMechanism(name, {
    password: (username) => (username === 'user' ? 'pencil' : undefined),
    binding: () => undefined,
    ...options,
  });

/** Runs an exchange to its end, as the stream would. Resolves to the name the server let in, or its refusal. */
export async function exchange(us: Mechanism, them: ReturnType<typeof server>): Promise<string> {
  let outcome = await them.step(await us.start());
  while ('challenge' in outcome) outcome = await them.step(await us.respond(outcome.challenge));
  if ('failure' in outcome) return outcome.failure;
  await us.verify(outcome.success);
  return `welcome ${outcome.username}`;
}

/** What `work` rejects with or throws. */
export async function failure(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  assert.unreachable('it went well');
  return undefined;
}

/** Asserts that `work` is refused for this reason, by a SaslError. */
export async function refused(
  work: () => unknown,
  condition: SaslCondition,
  about: string = condition,
): Promise<SaslError> {
  const error = await failure(work);
  assert.instance(error, SaslError, about);
  assert.is((error as SaslError).condition, condition, about);
  return error as SaslError;
}

/** How many PBKDF2 jobs were handed to the thread pool while `work` ran. */
export async function derivations(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const hook = createHook({ init: (_id, type) => type === 'PBKDF2REQUEST' && count++ }).enable();
  await work().finally(() => hook.disable());
  return count;
}
