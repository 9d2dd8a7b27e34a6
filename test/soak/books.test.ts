import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { Books, Party } from './books.ts';

const test = suite('soak/books');

/** Two parties with a session each, and what their books say. */
function open() {
  const [romeo, juliet] = [new Party('romeo'), new Party('juliet')];
  romeo.session = juliet.session = 1;
  const said: string[] = [];
  const books = new Books(romeo, juliet, (kind, number) => said.push(`${kind} ${number}`));
  return { romeo, juliet, books, said };
}

test('what arrives once and in order is nothing to speak of', () => {
  const { books, said } = open();
  for (const number of [books.send(), books.send()]) {
    books.told(number, 'sent');
    books.arrived(number);
    assert.is(books.settled, false);
    books.told(number, 'acked');
  }
  assert.ok(books.settled);
  assert.is(books.close(), 0);
  assert.equal(said, []);
});

test('acked, and never arrived in a session that lives on: lost', () => {
  const { books, said } = open();
  books.told(books.send(), 'acked');
  assert.is(books.close(), 0);
  assert.equal(said, ['lost 1']);
});

test('acked for a session that ended, or that was not there: orphaned', () => {
  const { juliet, books, said } = open();
  books.told(books.send(), 'acked');
  juliet.session += 1;
  books.told(books.send(), 'acked');
  juliet.session += 1;
  books.send();
  books.arrived(3);
  books.told(3, 'acked');
  assert.is(books.close(), 2);
  assert.equal(said, []);
});

test('left out of a session that went on to receive more, and ended: lost', () => {
  for (const state of ['acked', 'unconfirmed'] as const) {
    const { juliet, books, said } = open();
    const [first, second] = [books.send(), books.send()];
    books.arrived(second);
    for (const number of [first, second]) books.told(number, state);
    juliet.session += 1;
    books.close();
    assert.equal(said, ['lost 1']);
  }
});

test('before a session is announced, what was sent to nobody is not lost', () => {
  const { juliet, books, said } = open();
  juliet.session += 1;
  for (const number of [books.send(), books.send()]) books.told(number, 'acked');
  books.arrived(2);
  juliet.session += 1;
  assert.is(books.close(), 1);
  assert.equal(said, []);
});

test('what came back, or was never said to have arrived, is not lost', () => {
  const { romeo, books, said } = open();
  const [bounced, unconfirmed, refused] = [books.send(), books.send(), books.send()];
  books.told(bounced, 'acked');
  books.bounced(bounced);
  books.told(unconfirmed, 'unconfirmed');
  books.told(refused, 'lost');
  romeo.session += 2;
  books.told(books.send(), 'acked');
  books.arrived(4);
  assert.is(books.close(), 0);
  assert.equal(said, []);
});

test('arriving twice is a duplicate, also in another session and when all was settled', () => {
  const { juliet, books, said } = open();
  books.send();
  books.arrived(1);
  books.arrived(1);
  juliet.session += 2;
  books.told(1, 'acked');
  books.arrived(1);
  assert.equal(said, ['duplicated 1', 'duplicated 1']);
});

test('the order counts within a session of the sender', () => {
  const { romeo, books, said } = open();
  books.send();
  books.send();
  romeo.session += 2;
  books.send();
  // Bytes of the first connection may take long to arrive.
  for (const number of [3, 2, 1]) books.arrived(number);
  assert.equal(said, ['out of order 1']);
});

test('what was written in order and came the other way round was reordered by the server', () => {
  for (const [written, came, reordered] of [
    [[1, 2], [2, 1], 1],
    [[2, 1], [2, 1], 0],
    [[1, 2], [1, 2], 0],
    // Written again from back to front.
    [[1, 2, 2, 1], [2, 1], 0],
  ] as const) {
    const { books, said } = open();
    for (const number of [books.send(), books.send()]) books.told(number, 'sent');
    for (const number of written) books.written(number);
    for (const number of came) books.came(number);
    for (const number of [2, 1]) {
      books.arrived(number);
      books.told(number, 'acked');
    }
    assert.is(books.reordered, reordered);
    assert.is(said.length, 1 - reordered);
  }
});

test('told to be lost, and arrived nevertheless: misreported, whichever came first', () => {
  const { books, said } = open();
  for (let number = books.send(); number <= 2; number = books.send()) {
    if (number === 1) books.arrived(number);
    books.told(number, 'lost');
    if (number === 2) books.arrived(number);
  }
  assert.equal(said, ['misreported 1', 'misreported 2']);
});

test('a token without an end is untold', () => {
  const { books, said } = open();
  books.told(books.send(), 'sent');
  books.arrived(1);
  books.close();
  assert.equal(said, ['untold 1']);
});

test.run();
