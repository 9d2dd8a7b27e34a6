import * as assert from 'uvu/assert';
import { asFailure, type Failure } from '../../machines/failure.ts';
import {
  hasNextSource,
  isEndpointFault,
  newSweep,
  nextSource,
  redirected,
  SPENT,
  type Sweep,
  verdict,
} from '../../machines/sweep.ts';
import { suite } from '../harness.ts';
import { endpoint, failure } from './samples.ts';

const refused = failure('network', 'backoff', { stage: 'connect', cause: { name: 'Error', message: 'ECONNREFUSED' } });
const certificate = failure('tls', 'user', { stage: 'tls' });
const password = failure('auth', 'user', { condition: 'not-authorized' });
const noMechanism = failure('auth', 'never', { condition: 'no-mechanism' });

const tests = suite('machines/sweep');

tests('the sources are asked in their order, each once', () => {
  const asked: (string | null)[] = [];
  let sweep = newSweep();
  while (hasNextSource(sweep)) {
    sweep = nextSource(sweep);
    asked.push(sweep.source);
  }
  assert.equal(asked, ['location', 'application', 'discovery']);
});

tests('where a server sent us comes before any source', () => {
  assert.equal(newSweep().endpoints, []);
  const sweep = newSweep(endpoint('there'));
  assert.equal([sweep.endpoints, sweep.source], [[endpoint('there')], null]);
});

tests('redirections come first, up to five in a sweep', () => {
  let sweep: Sweep = { ...newSweep(), endpoints: [endpoint('next')] };
  for (let count = 1; count <= 5; count++) {
    sweep = redirected(sweep, endpoint(`redirect ${count}`));
    assert.is(sweep.endpoints.length, count + 1);
    assert.is(sweep.endpoints[0]?.host, `redirect ${count}`);
  }
  assert.is(redirected(sweep, endpoint('once more')), sweep);
});

tests('a redirection that began the sweep counts, and a spent sweep follows none', () => {
  let sweep = newSweep(endpoint('there'));
  for (let count = 2; count <= 5; count++) sweep = redirected(sweep, endpoint('on'));
  assert.is(redirected(sweep, endpoint('once more')), sweep);
  assert.is(redirected(SPENT, endpoint('there')), SPENT);
  assert.not(hasNextSource(SPENT));
});

tests('another endpoint may do better unless it is about the account, the session or ourselves', () => {
  const kinds = (where: (one: Failure) => boolean) =>
    (
      [
        'dns',
        'network',
        'timeout',
        'tls',
        'policy',
        'stream',
        'protocol',
        'auth',
        'bind',
        'conflict',
        'session',
        'prepare',
        'aborted',
        'internal',
      ] as const
    ).filter((kind) => where(failure(kind)));
  assert.equal(kinds(isEndpointFault), ['dns', 'network', 'timeout', 'tls', 'policy', 'stream', 'protocol']);
  assert.ok(isEndpointFault(noMechanism));
});

tests('the verdict of a sweep', () => {
  const rows: [title: string, failures: Failure[], kind: string, retry: string, attempts: number][] = [
    ['nothing to try', [], 'dns', 'user', 0],
    ['a single failure stands for itself', [refused], 'network', 'backoff', 0],
    ['the preferred endpoint speaks for all', [refused, failure('stream')], 'network', 'backoff', 2],
    ['TLS wins', [refused, certificate, failure('timeout')], 'tls', 'user', 3],
    ['what no endpoint can change wins over TLS', [certificate, password], 'auth', 'user', 0],
    ['hope of one is hope for all', [noMechanism, refused], 'auth', 'backoff', 2],
    ['no hope at all', [noMechanism, failure('policy', 'user')], 'auth', 'never', 2],
  ];
  for (const [title, failures, kind, retry, attempts] of rows) {
    const sum = verdict(failures);
    assert.equal([sum.kind, sum.retry, sum.attempts?.length ?? 0], [kind, retry, attempts], title);
    if (sum.attempts !== undefined) assert.equal(sum.attempts, failures, title);
  }
  assert.is(verdict([noMechanism, refused]).condition, 'no-mechanism');
});

tests('what was thrown is passed on when it is a failure, and hidden when it is not', () => {
  assert.is(asFailure(refused, 'tls'), refused);
  for (const thrown of [new Error('secret'), 'secret', null, undefined, { kind: 'network' }, { retry: 'never' }]) {
    const seen = asFailure(thrown, 'tls');
    assert.equal([seen.kind, seen.stage, seen.retry], ['internal', 'tls', 'never']);
    assert.not.match(JSON.stringify(seen), 'secret');
  }
});

tests.run();
