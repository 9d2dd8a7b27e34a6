import { getEventListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { Emitter } from '../src/emitter.ts';
import { suite } from './harness.ts';

const test = suite('emitter');

interface Events {
  number: number;
  text: string;
}

function setUp() {
  const reports: unknown[][] = [];
  const emitter = new Emitter<Events>((...report) => reports.push(report));
  const heard: string[] = [];
  const hear = (name: string) => (event: number | string) => {
    heard.push(`${name} ${event}`);
  };
  return { emitter, reports, heard, hear };
}

test('listeners hear their events in the order they came', () => {
  const { emitter, heard, hear } = setUp();
  emitter.on('number', hear('a'));
  emitter.on('text', hear('b'));
  emitter.on('number', hear('c'));
  emitter.emit('number', 1);
  emitter.emit('text', 'x');
  assert.equal(heard, ['a 1', 'c 1', 'b x']);
});

test('nobody has to listen', () => setUp().emitter.emit('number', 1));

test('the same function twice is two listeners', () => {
  const { emitter, heard, hear } = setUp();
  const listener = hear('a');
  const first = emitter.on('number', listener);
  emitter.on('number', listener);
  emitter.emit('number', 1);
  first.unsubscribe();
  emitter.emit('number', 2);
  assert.equal(heard, ['a 1', 'a 1', 'a 2']);
});

test('listening ends by hand, by using, and by a signal', () => {
  const { emitter, heard, hear } = setUp();
  const controller = new AbortController();
  const byHand = emitter.on('number', hear('hand'));
  const byUsing = emitter.on('number', hear('using'));
  emitter.on('number', hear('signal'), { signal: controller.signal });
  emitter.emit('number', 1);
  byHand.unsubscribe();
  byHand.unsubscribe();
  byUsing[Symbol.dispose]();
  controller.abort();
  emitter.emit('number', 2);
  assert.equal(heard, ['hand 1', 'using 1', 'signal 1']);
});

test('a signal that is aborted already never begins', () => {
  const { emitter, heard, hear } = setUp();
  emitter.on('number', hear('a'), { signal: AbortSignal.abort() });
  emitter.emit('number', 1);
  assert.equal(heard, []);
});

test('nothing is left on a signal by those who stopped listening', () => {
  const { emitter } = setUp();
  const { signal } = new AbortController();
  emitter.on('number', () => {}, { signal }).unsubscribe();
  emitter.on('number', () => {}, { signal, once: true });
  emitter.emit('number', 1);
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

test('once is once, also when the listener emits', () => {
  const { emitter, heard, hear } = setUp();
  emitter.on('number', (n) => n < 3 && emitter.emit('number', n + 1));
  emitter.on('number', hear('once'), { once: true });
  emitter.emit('number', 1);
  assert.equal(heard, ['once 3']);
});

test('who stops listening is not called any more, also in the middle of an event', () => {
  const { emitter, heard, hear } = setUp();
  emitter.on('number', () => later.unsubscribe());
  const later = emitter.on('number', hear('later'));
  emitter.emit('number', 1);
  assert.equal(heard, []);
});

test('who comes in the middle of an event hears the next one', () => {
  const { emitter, heard, hear } = setUp();
  emitter.on('number', () => emitter.on('number', hear('late')), { once: true });
  emitter.emit('number', 1);
  assert.equal(heard, []);
  emitter.emit('number', 2);
  assert.equal(heard, ['late 2']);
});

test('who throws, or promises and fails, is reported, stays, and harms nobody', async () => {
  const { emitter, reports, heard, hear } = setUp();
  const thrown = new Error('thrown');
  const rejected = new Error('rejected');
  emitter.on('number', () => {
    throw thrown;
  });
  emitter.on('number', () => Promise.reject(rejected));
  emitter.on('number', hear('a'));
  emitter.emit('number', 1);
  assert.equal(heard, ['a 1']);
  await Promise.resolve();
  assert.equal(reports, [
    [thrown, 'number', 1],
    [rejected, 'number', 1],
  ]);
  emitter.emit('number', 2);
  assert.is(reports.at(-1)?.[0], thrown, 'it is still there');
});

test.run();
