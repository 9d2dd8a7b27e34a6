/** The ledger against a model that counts without a bound, near 2^32 and everywhere else. C.8-21 to C.8-23. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Entry, Ledger } from '../../src/stream/ledger.ts';
import { suite } from '../harness.ts';

const test = suite('model/delivery-ledger');

const MODULUS = 2 ** 32;

/** What is done to a ledger; numbers are taken modulo what is possible. */
type Deed = { readonly type: 'send' | 'receive' | 'ack' | 'replay' | 'imply'; readonly count: number };

const deeds = fc.array(
  fc.record<Deed>({
    type: fc.constantFrom('send', 'send', 'receive', 'ack', 'replay', 'imply'),
    count: fc.nat(20),
  }),
  { maxLength: 60 },
);

/** Near the wrap half of the time. */
const starts = fc.oneof(
  fc.nat(30).map((below) => MODULUS - 1 - below),
  fc.nat({ max: MODULUS - 1 }),
);

const { FC_SEED, FC_PATH } = process.env;

test('C.8-21 to C.8-23: counters, acknowledgements and replay are those of counters that never wrap', () => {
  const property = fc.property(starts, starts, deeds, (out, into, some) => {
    const ledger = new Ledger<Entry>();
    ledger.setCounters(out, into);
    const acks: number[] = [];
    let [sent, acked, handled] = [0, 0, 0];
    for (const { type, count } of some) {
      const h = acked + (count % (sent - acked + 1));
      if (type === 'send') {
        for (const end = sent + count; sent < end; ) {
          const number = sent++;
          ledger.push({ text: `<${number}>`, acked: () => acks.push(number) });
        }
      } else if (type === 'receive') {
        for (let left = count; left > 0; left -= 1) ledger.handle();
        handled += count;
      } else if (type === 'ack') {
        assert.ok(ledger.plausible((out + h) % MODULUS));
        ledger.ack((out + h) % MODULUS);
        acked = h;
      } else if (type === 'replay') {
        const again = Array.from({ length: sent - acked }, (_, i) => `<${acked + i}>`);
        assert.is(ledger.replay(), again.join(''));
      } else {
        // More than was sent, or less than was acknowledged before.
        assert.not(ledger.plausible((out + sent + 1 + count) % MODULUS));
        assert.not(ledger.plausible((out + acked - 1 - count + MODULUS) % MODULUS));
      }
      assert.is(ledger.handled, (into + handled) % MODULUS);
      assert.is(ledger.sent, (out + sent) % MODULUS);
      assert.is(ledger.unacked, sent - acked);
      assert.equal(acks, [...Array(acked).keys()]);
    }
  });
  fc.assert(property, {
    seed: Number(FC_SEED ?? 198),
    numRuns: 1000,
    includeErrorInReport: true,
    ...(FC_PATH !== undefined && { path: FC_PATH }),
  });
});

test.run();
