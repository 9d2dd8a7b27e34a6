import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createActor, createMachine } from 'xstate';
import { HIDDEN, MAX_BREADTH, redact, redactNamed } from '../../../visualizations/live/redact.ts';
import { suite } from '../../harness.ts';

const test = suite('redaction');

class Romeo {
  love = 'secret';
}

const list = (length: number): number[] => Array.from({ length }, (_, index) => index);

const CASES: readonly [about: string, value: unknown, shown: unknown][] = [
  ['plain data', { a: [1, 'x', null, true], b: { c: -1.5 } }, { a: [1, 'x', null, true], b: { c: -1.5 } }],
  ['nothing', undefined, null],
  ['a member that is nothing', { a: undefined, b: [undefined] }, { b: [null] }],
  [
    'what JSON has no number for',
    [Number.NaN, Number.POSITIVE_INFINITY, 5n, 1n << 70n],
    ['NaN', 'Infinity', '5', '[bigint]'],
  ],
  ['functions', [function hail() {}, () => {}, Romeo], ['[function hail]', '[function]', '[function Romeo]']],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['an instance of a class', new Romeo(), '[Romeo]'],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['an impossible date', new Date(Number.NaN), 'Invalid Date'],
  [
    'a map',
    new Map<unknown, unknown>([
      ['a', 1],
      [2, new Set([3])],
    ]),
    { a: 1, 2: [3] },
  ],
  [
    'bytes',
    [Buffer.from('secret'), new Float64Array(2), new ArrayBuffer(3)],
    ['[Buffer, 6 bytes]', '[Float64Array, 16 bytes]', '[ArrayBuffer, 3 bytes]'],
  ],
  [
    'an error',
    Object.assign(new TypeError('no', { cause: new Error('why') }), { code: 'E' }),
    { name: 'TypeError', message: 'no', code: 'E', cause: { name: 'Error', message: 'why' } },
  ],
  [
    'a getter that throws',
    {
      get a() {
        throw new Error();
      },
      b: 1,
    },
    { a: '[unreadable]', b: 1 },
  ],
  ['a promise', Promise.resolve(), '[Promise]'],
  ['another prototype by name', JSON.parse('{"__proto__":{"a":1},"b":2}'), { b: 2 }],
  ['a long list', list(MAX_BREADTH + 2), [...list(MAX_BREADTH), '… 2 more']],
  ['a long string', 'x'.repeat(2_005), `${'x'.repeat(2_000)}… (5 more)`],
  ['something deep', { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } }, { a: { b: { c: { d: { e: { f: '…' } } } } } }],
];
for (const [about, value, shown] of CASES) {
  test(`shows ${about}`, () => {
    assert.equal(redact(value), shown);
  });
}

test('shows an object with many keys', () => {
  const shown = redact(Object.fromEntries(list(MAX_BREADTH + 3).map((index) => [`k${index}`, index]))) as object;
  assert.is(Object.keys(shown).length, MAX_BREADTH + 1);
  assert.is(Object.values(shown).at(-1), '3 more');
});

test('names an actor', () => {
  const actor = createActor(createMachine({}));
  assert.equal(redact({ actor }), { actor: `[actor ${actor.sessionId}]` });
});

test('shows what lies within itself once', () => {
  const value: { self?: unknown; list: unknown[] } = { list: [] };
  value.self = value;
  value.list.push(value.list);
  assert.equal(redact(value), { list: ['[circular]'], self: '[circular]' });
});

test('shows what is there twice twice', () => {
  const shared = { a: 1 };
  assert.equal(redact([shared, shared]), [{ a: 1 }, { a: 1 }]);
});

const NAMES =
  'password oldPassword passwd pass pwd passphrase secret client_secret clientSecret token accessToken credentials ' +
  'Authorization auth cookie set-cookie challenge bearer private_key privateKey apiKey api-key jwt saltedPassword';

test('hides what has the name of a secret', () => {
  for (const name of NAMES.split(' ')) {
    for (const value of ['x', 5, ['x'], { a: 'x' }, () => {}]) {
      assert.equal(redact({ deep: [{ [name]: value }] }), { deep: [{ [name]: HIDDEN }] }, name);
      assert.equal(redact(new Map([[name, value]])), { [name]: HIDDEN }, name);
      assert.is(redactNamed(name, value), HIDDEN, name);
    }
  }
  assert.equal(redact(Object.assign(new Error('no'), { token: 'x' })), { name: 'Error', message: 'no', token: HIDDEN });
});

test('says that there is no secret, or whether', () => {
  const value = { token: null, hasPassword: true };
  assert.equal(redact(value), value);
});

test('shows what only sounds like a secret', () => {
  const value = { author: 'x', authenticated: 'x', compass: 'x', mechanism: 'x', channelBinding: 'x', key: 'x' };
  assert.equal(redact(value), value);
});

test('does not throw for what does', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const hostile = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error();
      },
    },
  );
  const nameless = Object.create({
    get constructor() {
      throw new Error();
    },
  });
  const error = Object.defineProperty(new Error('x'), 'message', {
    get() {
      throw new Error();
    },
  });
  assert.equal(redact([proxy, hostile, error, nameless]), ['[unreadable]', '[unreadable]', '[unreadable]', '[object]']);
});

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withObjectString: true,
  withNullPrototype: true,
  withSparseArray: true,
});

test('gives JSON that means the same when it is read again', () => {
  fc.assert(
    fc.property(anything, (value) => {
      const shown = redact(value);
      assert.equal(JSON.parse(JSON.stringify(shown)), shown);
    }),
  );
});

test('stays small, whatever it is given', () => {
  const wide = (depth: number): unknown =>
    depth === 0
      ? 'x'.repeat(5_000)
      : Object.fromEntries(list(200).map((key) => [`${key}`.repeat(500), wideOnce(depth - 1)]));
  // The same object everywhere: what is shown is a tree all the same.
  const made = new Map<number, unknown>();
  const wideOnce = (depth: number): unknown => {
    if (!made.has(depth)) made.set(depth, wide(depth));
    return made.get(depth);
  };
  for (const value of [
    wideOnce(6),
    new Map(Object.entries(wideOnce(1) as object)),
    list(1_000).map(() => wideOnce(4)),
  ]) {
    assert.ok(JSON.stringify(redact(value)).length < 40_000);
  }
});

test.run();
