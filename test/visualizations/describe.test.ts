import * as assert from 'uvu/assert';
import { type AnyStateMachine, createMachine } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { chartOf, statesOf } from '../../visualizations/chart.ts';
import { definitionOf } from '../../visualizations/definition.ts';
import { describe } from '../../visualizations/describe.ts';
import { suite } from '../harness.ts';
import { type Shape, shapes } from './shapes.ts';

const test = suite('visualizations/describe');

const told = (name: string): string => describe((shapes[name] as Shape).machine);

test('a machine in words', () => {
  assert.is(
    describe(catalogue.backoff.machine),
    `backoff
  on retry   to over

  deciding (initial)
    Is there a network to wait for?
    at once, if offline   to held
    at once, else         to counting

  counting
    The clock runs towards the next attempt.
    on wake              to over
    on network.offline   to held
    after pause          to over

  held
    No network: no timer is armed.
    on network.online   to over

  over (final)
    Time for the next attempt.
`,
  );
});

test('entering, leaving, running, tags and the standard', () => {
  const client = describe(catalogue.client.machine);
  assert.match(client, /^client \(parallel\)\n/);
  const begin = client.indexOf('      live\n');
  assert.is(
    client.slice(begin, client.indexOf('\n\n', begin)),
    `      live
        Stanzas flow.
        entering            leaveSweep
        leaving             closeGate
        running             keepalive
        on flow.waiting     stays, doing noteOwed
        on flow.drained     stays, doing noteSettled
        on flow.stuck       stays, doing noteStuck
        on flow.free        stays, doing noteFree
        on stop, if stuck   to draining, doing observe, noteDeadline`,
  );
  assert.match(client, /\n {6}dialing \(initial\)\n.*\n +specified in +RFC 6120 §3, XEP-0368\n +tagged +connecting\n/);
});

for (const [title, { machine }] of Object.entries({ ...catalogue, ...shapes })) {
  test(`${title}: every state and every transition has its line, in its place, and every column is straight`, () => {
    const blocks = describe(machine).trimEnd().split('\n\n');
    const states = statesOf(chartOf(machine).root);
    assert.is(blocks.length, states.length);
    for (const [index, block] of blocks.entries()) {
      const state = states[index] as (typeof states)[number];
      const [heading = '', ...lines] = block.split('\n');
      const depth = (machine as AnyStateMachine).getStateNodeById(state.id).path.length;
      assert.is(
        /^ */.exec(heading)?.[0].length,
        2 * depth + (state.key.trim() === '' ? heading.length - 2 * depth : 0),
      );
      const ways = lines.slice(lines.length - state.transitions.length);
      assert.is(ways.length, state.transitions.length, state.id);
      const columns = ways.map((line) => line.search(/ {3}(?:to|stays|ignored)/));
      assert.ok(
        columns.every((column) => column >= 0),
        block,
      );
    }
  });
}

test('forbidden events, wildcards, several guards, reentry', () => {
  const text = told('events');
  for (const line of [
    /on any event +stays, doing count\n/,
    /on mouse\.\* +stays, doing track\n/,
    /on mouse\.\* +ignored\n/,
    /on KEY +ignored\n/,
    /on KEY, if isEscape +to closed\n/,
    /on KEY, else +stays, doing type\n/,
    /on HELP +to modal again\n/,
  ]) {
    assert.match(text, line);
  }
});

test('states of one key are told apart by their paths', () => {
  assert.match(told('regions'), /on BOTH +to right\.b and left\.b\n/);
  assert.match(told('regions'), /right\n\n {4}a \(initial\)\n/);
});

test('history, delays and children', () => {
  assert.match(told('history'), /shallow \(shallow history\)\n/);
  assert.match(told('history'), /deep \(deep history\)\n/);
  assert.match(told('history'), /default \(shallow history\)\n +the first time +to high\n/);
  assert.match(told('history'), /the first time +to shaking\n\n.*\n +the first time +to still\n/);
  assert.match(told('time'), /after 1000 ms +to second\n/);
  assert.match(told('children'), /running +first, a fetch\n +running +fetch\n +running +inline\n/);
  assert.match(told('children'), /when first done, if inline +to inner\n/);
});

test('nothing moves the cursor, breaks a line or turns the direction of writing', () => {
  for (const name of Object.keys(shapes)) assert.not.match(told(name), /[^\P{Cc}\n]|\p{Bidi_Control}/u);
});

test('the format decides what comes back', () => {
  const { machine } = catalogue.stream;
  const text: string = describe(machine, { format: 'text' });
  assert.is(text, describe(machine));
  const definition = describe(machine, { format: 'json' });
  assert.equal(definition, definitionOf(machine));
  // And XState's own types take it.
  assert.is(createMachine(definition).id, 'stream');
});

test.run();
