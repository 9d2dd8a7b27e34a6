/** C.8.27 and the rows about the cache: who shares a question, and what is remembered of it. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Queries, type Query, type QueryOptions } from '../../src/services/disco/queries.ts';
import { Lru } from '../../src/services/lru.ts';
import { suite } from '../harness.ts';

const test = suite('services/disco-queries');

/** Somebody whose answers come when the test says so. */
class Oracle {
  readonly asked: { resolve(value: string): void; reject(error: unknown): void; signal: AbortSignal }[] = [];

  readonly ask = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => {
      this.asked.push({ resolve, reject, signal });
    });
}

/** Waits for an answer; what became of it is in `outcome`. */
function join(query: Query<string>) {
  const waiter = { outcome: '-', leave: () => {} };
  waiter.leave = query.join(
    (value) => {
      waiter.outcome = value;
    },
    (error) => {
      waiter.outcome = String(error);
    },
  );
  return waiter;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('D-08, D-09: one question for everybody who asks the same, and one for ever', async () => {
  const queries = new Queries<string>(10);
  const oracle = new Oracle();
  const ask = () => join(queries.get('a', oracle.ask));
  const waiters = [ask(), ask()];
  oracle.asked[0]?.resolve('yes');
  await settled();
  waiters.push(ask());
  assert.equal(
    waiters.map(({ outcome }) => outcome),
    ['yes', 'yes', 'yes'],
  );
  assert.is(oracle.asked.length, 1);
});

test('D-10: a fresh question is another one, and the one to share from then on', async () => {
  const queries = new Queries<string>(10);
  const oracle = new Oracle();
  const ask = (options: QueryOptions = {}) => join(queries.get('a', oracle.ask, options));
  const old = ask();
  const fresh = ask({ requireFresh: true });
  const later = ask();
  assert.is(oracle.asked.length, 2);
  oracle.asked[1]?.resolve('new');
  oracle.asked[0]?.resolve('old');
  await settled();
  assert.equal([old.outcome, fresh.outcome, later.outcome, ask().outcome], ['old', 'new', 'new', 'new']);
});

test('D-12: what is not to be kept is not shared, and what is known is taken', async () => {
  const queries = new Queries<string>(10);
  const oracle = new Oracle();
  const ask = (options: QueryOptions = {}) => join(queries.get('a', oracle.ask, options));
  ask({ noCache: true });
  const kept = ask();
  assert.is(oracle.asked.length, 2);
  oracle.asked[1]?.resolve('kept');
  await settled();
  assert.equal([kept.outcome, ask({ noCache: true }).outcome], ['kept', 'kept']);
  ask({ noCache: true, requireFresh: true });
  assert.is(oracle.asked.length, 3);
  assert.is(ask().outcome, 'kept');
});

test('D-14: a failure is everybody’s, and nobody’s afterwards', async () => {
  const queries = new Queries<string>(10);
  const oracle = new Oracle();
  const ask = () => join(queries.get('a', oracle.ask));
  const waiters = [ask(), ask()];
  oracle.asked[0]?.reject('no');
  await settled();
  assert.equal(
    waiters.map(({ outcome }) => outcome),
    ['no', 'no'],
  );
  ask();
  assert.is(oracle.asked.length, 2);
});

test('D-18: what it was primed with fails until somebody asks anew', async () => {
  const queries = new Queries<string>(10);
  const oracle = new Oracle();
  queries.prime('a', () => Promise.reject('primed'));
  for (let round = 0; round < 2; round += 1) {
    const waiter = join(queries.get('a', oracle.ask));
    await settled();
    assert.is(waiter.outcome, 'primed');
  }
  join(queries.get('a', oracle.ask, { requireFresh: true }));
  oracle.asked[0]?.resolve('asked');
  await settled();
  assert.is(join(queries.get('a', oracle.ask)).outcome, 'asked');
});

test('D-21: after a flush who waits goes on waiting, and who comes asks anew', async () => {
  const queries = new Queries<string>(10);
  const oracle = new Oracle();
  const ask = () => join(queries.get('a', oracle.ask));
  const before = ask();
  queries.known.clear();
  const after = ask();
  assert.is(oracle.asked.length, 2);
  oracle.asked[0]?.resolve('old');
  await settled();
  assert.equal([before.outcome, after.outcome], ['old', '-']);
});

test('nobody asks when everybody has left, and it can be asked again', async () => {
  const queries = new Queries<string>(10);
  const oracle = new Oracle();
  const ask = () => join(queries.get('a', oracle.ask));
  const [one, two] = [ask(), ask()];
  one.leave();
  assert.is(oracle.asked[0]?.signal.aborted, false);
  two.leave();
  assert.is(oracle.asked[0]?.signal.aborted, true);
  const three = ask();
  assert.is(oracle.asked.length, 2);
  oracle.asked[0]?.resolve('late');
  await settled();
  assert.equal([one.outcome, two.outcome, three.outcome], ['-', '-', '-']);
  oracle.asked[1]?.resolve('yes');
  await settled();
  assert.is(three.outcome, 'yes');
});

test('D-11, E-27: at the end everybody hears the same, those whose question was forgotten too', async () => {
  const queries = new Queries<string>(1);
  const oracle = new Oracle();
  const ask = (key: string, options: QueryOptions = {}) => join(queries.get(key, oracle.ask, options));
  const waiters = [ask('a'), ask('a'), ask('a', { requireFresh: true }), ask('b'), ask('c', { noCache: true })];
  queries.fail('over');
  assert.equal(
    waiters.map(({ outcome }) => outcome),
    waiters.map(() => 'over'),
  );
  assert.is(queries.known.size, 0);
  assert.ok(oracle.asked.every(({ signal }) => signal.aborted));
  for (const { resolve } of oracle.asked) resolve('late');
  await settled();
  assert.is(waiters[0]?.outcome, 'over');
  ask('a');
  assert.is(oracle.asked.length, 5);
});

test('D-19, D-20: more than so many are not kept, and those go that nobody has looked for longest', () => {
  const lru = new Lru<number>(2);
  lru.set('a', 1);
  lru.set('b', 2);
  lru.get('a');
  lru.set('c', 3);
  assert.equal([lru.get('a'), lru.get('b'), lru.get('c'), lru.size], [1, undefined, 3, 2]);
  lru.limit = 1;
  assert.equal([lru.get('a'), lru.get('c'), lru.limit], [undefined, 3, 1]);
  lru.limit = 0;
  assert.is(lru.size, 0);
});

type Step = { readonly key: string; readonly act: 'ask' | 'fresh' | 'unkept' | 'answer' | 'refuse' | 'leave' | 'end' };

test('C.8.27: one question at a time, nothing known after the end, and no more than so many', async () => {
  const step: fc.Arbitrary<Step> = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    act: fc.constantFrom('ask', 'ask', 'fresh', 'unkept', 'answer', 'refuse', 'leave', 'end'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const queries = new Queries<string>(3);
      const oracles = new Map(['a', 'b', 'c'].map((key) => [key, new Oracle()]));
      const waiting: ReturnType<typeof join>[] = [];
      const shared = steps.every(({ act }) => act !== 'fresh' && act !== 'unkept');
      for (const { key, act } of steps) {
        const oracle = oracles.get(key) as Oracle;
        const open = oracle.asked.filter(({ signal }) => !signal.aborted);
        switch (act) {
          case 'ask':
            waiting.push(join(queries.get(key, oracle.ask)));
            break;
          case 'fresh':
          case 'unkept': {
            const options = act === 'fresh' ? { requireFresh: true } : { noCache: true };
            waiting.push(join(queries.get(key, oracle.ask, options)));
            break;
          }
          case 'answer':
            open[0]?.resolve('yes');
            await settled();
            break;
          case 'refuse':
            open[0]?.reject('no');
            await settled();
            break;
          case 'leave':
            waiting.shift()?.leave();
            break;
          case 'end':
            queries.fail('over');
            assert.is(queries.known.size, 0);
            for (const { outcome } of waiting) assert.is.not(outcome, '-');
            for (const { asked } of oracles.values()) assert.ok(asked.every(({ signal }) => signal.aborted));
        }
        assert.ok(queries.known.size <= 3);
        if (shared) {
          for (const { asked } of oracles.values()) {
            assert.ok(asked.filter(({ signal }) => !signal.aborted).length <= 1, 'one question at a time');
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});

test.run();
