/** N-03, E-6: every step of a login has a deadline of its own, and its name is in the failure. */
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import { sockets } from './rig.ts';
import { reach, STEPS, type Step } from './steps.ts';

const test = sockets('sockets/negotiation-silence');

const DEADLINE = 60_000;
const FAREWELL = 5_000;
const PAUSE = 1;

for (const step of STEPS) {
  test(`N-03, E-6: silence in place of ${step.name}`, async (rig) => {
    const clock = new SimulatedClock();
    const { client, journal } = await reach(rig, step, 'silence', { clock });
    clock.increment(DEADLINE - 1);
    assert.equal(journal.read(), []);
    clock.increment(1);
    clock.increment(FAREWELL);
    await journal.until(`waiting ${step.again ? 2 : 1} timeout`);
    assert.is(client.getSnapshot().failure?.stage, step.stage);
    clock.increment(PAUSE);
    await journal.until(step.again ? 'online again' : 'online anew');
  });
}

test('N-03: the deadline of connecting', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server();
  const { client, journal } = rig.client(server, { clock, connect: () => new Promise(() => {}) });
  client.start();
  for (const source of ['application', 'fallback']) {
    await client.waitFor(({ endpoint }) => endpoint?.source === source);
    clock.increment(DEADLINE);
  }
  await journal.until('waiting 1 timeout');
  assert.is(client.getSnapshot().failure?.stage, 'connect');
});

test('N-03: the deadline of resolving', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server();
  const { client, journal } = rig.client(server, {
    clock,
    endpoints: () => {
      journal.note('asked');
      return new Promise(() => {});
    },
  });
  client.start();
  await journal.until('asked');
  clock.increment(DEADLINE);
  await journal.until('waiting 1 timeout');
  assert.is(client.getSnapshot().failure?.stage, 'resolve');
});

test('N-03: the deadline of the application that is asked for credentials', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server();
  const { client, journal } = rig.client(server, {
    clock,
    credentials: () => {
      journal.note('asked');
      return new Promise(() => {});
    },
  });
  client.start();
  await journal.until('asked');
  clock.increment(DEADLINE);
  await journal.until('waiting 1 timeout');
  assert.is(client.getSnapshot().failure?.stage, 'auth');
});

test('N-24: a deadline that was set', async (rig) => {
  const clock = new SimulatedClock();
  const [header] = STEPS.filter(({ name }) => name === 'the header');
  const { journal } = await reach(rig, header as Step, 'silence', {
    clock,
    negotiationTimeout: 10,
    shutdownTimeout: 5,
  });
  clock.increment(9);
  assert.equal(journal.read(), []);
  clock.increment(1);
  clock.increment(5);
  await journal.until('waiting 1 timeout');
});

test.run();
