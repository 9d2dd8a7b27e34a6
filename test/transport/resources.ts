import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';

/** How many sockets, look-ups and connection attempts keep the process alive. */
function open(): number {
  return process.getActiveResourcesInfo().filter((name) => /TCP|TLS|UDP|REQ|QUERY/i.test(name)).length;
}

/** Runs `body` and waits until nothing that it opened is left; a leak runs into the limit of the test. */
export async function leavesNothing(body: () => Promise<unknown>): Promise<void> {
  // What the test before has closed is gone after a turn of the event loop.
  await sleep(10);
  const before = open();
  await body();
  while (open() > before) await sleep(5);
}

/** What `promise` rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.unreachable('should have rejected');
}
