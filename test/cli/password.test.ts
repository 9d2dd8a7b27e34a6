import { PassThrough } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import * as assert from 'uvu/assert';
import { askPassword } from '../../src/cli/password.ts';
import { suite } from '../harness.ts';

const test = suite('cli/password');

/** A terminal with somebody at it. */
function terminal() {
  const raw: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode(mode: boolean) {
      raw.push(mode);
      return input;
    },
  });
  let shown = '';
  const output = { write: (text: string) => (shown += text) };
  const answer = askPassword('Password: ', input as unknown as ReadStream, output as unknown as WriteStream);
  return { input, raw, answer, shown: () => shown };
}

const TYPED: readonly [about: string, keys: string[], password: string][] = [
  ['return', ['secret\r'], 'secret'],
  ['a new line', ['secret\n'], 'secret'],
  ['one key after the other', ['s', 'e', 'c', '\r'], 'sec'],
  ['backspace', ['ab\b', 'c\r'], 'ac'],
  ['delete, one character and not half of it', ['a🎉\u007f\r'], 'a'],
  ['more backspaces than there is', ['\b\ba\r'], 'a'],
  ['nothing', ['\r'], ''],
  ['more behind it', ['secret\rmore'], 'secret'],
];

for (const [about, keys, password] of TYPED) {
  test(`what is typed is taken and not shown: ${about}`, async () => {
    const { input, raw, answer, shown } = terminal();
    for (const key of keys) input.write(key);
    assert.is(await answer, password);
    assert.is(shown(), 'Password: \n');
    assert.equal(raw, [true, false]);
    assert.is(input.listenerCount('data'), 0);
  });
}

test('who interrupts is let go, and the terminal is as it was', async () => {
  const { input, raw, answer } = terminal();
  input.write('sec\u0003');
  const error = await answer.catch((rejection) => rejection as Error);
  assert.is((error as Error).message, 'interrupted');
  assert.equal(raw, [true, false]);
});

test('without a terminal nobody is asked', () => {
  const input = new PassThrough() as unknown as ReadStream;
  assert.throws(() => askPassword('', input, {} as WriteStream), /XSTANZA_PASSWORD/);
});

test.run();
