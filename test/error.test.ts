import * as assert from 'uvu/assert';
import type { Failure } from '../machines/failure.ts';
import { adviceOn } from '../src/advice.ts';
import { ABORTED, ConnectionError, describeFailure } from '../src/error.ts';
import { suite } from './harness.ts';
import { failure } from './machines/samples.ts';

const test = suite('error');

const CAUSE = { name: 'Error', message: 'connect ECONNREFUSED ::1:5222', code: 'ECONNREFUSED' };

const DESCRIPTIONS: readonly [failure: Failure, words: string][] = [
  [failure('network'), 'network failure (online)'],
  [failure('stream', 'backoff', { condition: 'reset' }), 'stream failure (online): reset'],
  [
    failure('stream', 'backoff', { condition: 'system-shutdown', text: 'Received SIGTERM' }),
    'stream failure (online): system-shutdown, Received SIGTERM',
  ],
  [
    failure('network', 'backoff', { stage: 'connect', cause: CAUSE }),
    'network failure (connect): connect ECONNREFUSED ::1:5222',
  ],
  [
    failure('dns', 'never', { stage: 'resolve', condition: 'no-xmpp', text: 'no-xmpp' }),
    'dns failure (resolve): no-xmpp',
  ],
  [failure('stream', 'backoff', { text: '' }), 'stream failure (online)'],
  [failure('stream', 'backoff', { text: 'two\n  lines' }), 'stream failure (online): two lines'],
  [ABORTED, 'aborted failure (close): the client was stopped'],
];

for (const [given, words] of DESCRIPTIONS) test(words, () => assert.is(describeFailure(given), words));

test('a server that has much to say is cut short', () => {
  const given = failure('stream', 'backoff', { text: 'x'.repeat(1_000_000) });
  assert.is(describeFailure(given), `stream failure (online): ${'x'.repeat(500)}…`);
});

test('a connection error says what failed, and by what', () => {
  const given = failure('network', 'backoff', { cause: CAUSE });
  const error = new ConnectionError(given);
  assert.is(error.message, `${describeFailure(given)} (${adviceOn(given)})`);
  assert.is(error.name, 'ConnectionError');
  assert.is(error.failure, given);
  assert.is(error.cause, CAUSE);
  assert.is(new ConnectionError(given, 'binding').message, `binding: ${error.message}`);
});

test('what can be done about a failure depends on its condition, on its code, and else on its kind', () => {
  assert.is(adviceOn(failure('auth', 'user', { condition: 'not-authorized' })), 'check the JID and the password');
  assert.match(adviceOn(failure('network', 'backoff', { cause: CAUSE })) ?? '', 'check that the server runs');
  assert.match(adviceOn(failure('network')) ?? '', 'check that there is a network');
  assert.is(adviceOn(failure('stream', 'backoff', { condition: '__proto__' })), null);
  assert.is(new ConnectionError(ABORTED).message, describeFailure(ABORTED));
});

test('a sweep is caused by all of its attempts, in the order tried', () => {
  const attempts = [failure('tls', 'user'), failure('network', 'backoff', { cause: CAUSE })];
  const error = new ConnectionError({ ...failure('tls', 'user'), attempts });
  assert.instance(error.cause, AggregateError);
  const { errors } = error.cause as AggregateError;
  assert.equal(
    errors.map((inner) => (inner as ConnectionError).failure),
    attempts,
  );
  assert.is(errors[1].cause, CAUSE);
});

test.run();
