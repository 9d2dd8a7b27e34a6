import * as assert from 'uvu/assert';
import { exploreWindow } from '../../examples/explore-your-machine.ts';
import { play } from '../../examples/play-faults.ts';
import { whatTheBossHears } from '../../examples/test-without-a-server.ts';
import { faultPack } from '../../src/testing/index.ts';
import { suite } from '../harness.ts';

const test = suite('examples: testing', 30_000);

test('an app is tested without a server', async () => {
  assert.equal(await whatTheBossHears(3), ['1', '2', '3']);
});

for (const fault of faultPack) {
  test(`the bot lives on: ${fault.name}`, async () => {
    const { answered, sameSession } = await play(fault);
    assert.is(answered, true);
    if (fault.when === 'online') assert.is(sameSession, fault.leaves === 'the session');
  });
}

test('no two faults have the same name', () => {
  assert.is(new Set(faultPack.map(({ name }) => name)).size, faultPack.length);
});

test('a machine with a client in it is explored', () => {
  const { exploration, paths, missing } = exploreWindow(6);
  assert.ok(exploration.states.size > 20);
  assert.ok(paths.length > 0);
  assert.equal(missing, []);
});

test.run();
