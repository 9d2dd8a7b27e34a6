import * as assert from 'uvu/assert';
import { Session } from '../../src/client/session.ts';
import { suite } from '../harness.ts';

const test = suite('client/session');

test('counts what is handled once the server counts', () => {
  const session = new Session();
  session.handled();
  assert.is(session.ledger.handled, 0);
  session.ledger.beginReceiving();
  session.handled();
  assert.is(session.ledger.handled, 1);
});

test('says when it is gone, to who asked before and to who asks after', () => {
  const session = new Session();
  const { signal } = session;
  assert.is(session.signal, signal);
  assert.equal([signal.aborted, session.ended], [false, false]);
  session.end();
  session.end();
  assert.equal([signal.aborted, session.ended], [true, true]);
  const unasked = new Session();
  unasked.end();
  assert.ok(unasked.signal.aborted);
});

test.run();
