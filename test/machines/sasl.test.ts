import * as assert from 'uvu/assert';
import type { Failure } from '../../machines/failure.ts';
import { chooseMechanism, type SaslInput, saslMachine } from '../../machines/sasl.ts';
import { chart, Rig, untaken } from './rig.ts';
import { failure } from './samples.ts';

const PREFERRED = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'ANONYMOUS'];

const INPUT: SaslInput = {
  offered: ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'],
  announced: null,
  bindings: ['tls-exporter', 'tls-server-end-point'],
  preferred: PREFERRED,
  plain: true,
  asks: 1,
  timeout: 60_000,
  refusal: null,
};

const WITH_PLUS = { offered: ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1', 'PLAIN'] };

const challenge = { type: 'sasl.challenge' } as const;
const success = { type: 'sasl.success' } as const;
const refusal = (condition: string, text: string | null = null) => ({ type: 'sasl.failure', condition, text }) as const;

/** An exchange that waits for credentials. */
const asking = (input: Partial<SaslInput> = {}) => new Rig(saslMachine, { ...INPUT, ...input });
/** One whose initial response is written. */
const exchanging = (input: Partial<SaslInput> = {}) => asking(input).done(true).done();
const responding = () => exchanging().send(challenge);

/** What the machine has failed with: condition or kind, verdict. */
function failed(rig: Rig<typeof saslMachine>): [string, string] {
  assert.is(rig.output.type, 'failed');
  const { failure } = rig.output as Extract<typeof rig.output, { type: 'failed' }>;
  assert.is(failure.stage, 'auth');
  return [failure.condition ?? failure.kind, failure.retry];
}

const tests = chart('machines/sasl');

tests('the choice of a mechanism', () => {
  const PLUS = ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN'];
  const SCRAM = ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN'];
  const TLS12 = ['tls-server-end-point'];
  const TLS13 = ['tls-exporter', 'tls-server-end-point'];
  type State = Parameters<typeof chooseMechanism>[0];
  const rows: [title: string, state: Partial<State>, choice: string][] = [
    ['TLS 1.3, announced', { offered: PLUS, bindings: TLS13, announced: TLS13 }, 'SCRAM-SHA-256-PLUS tls-exporter p'],
    ['TLS 1.2, announced', { offered: PLUS, bindings: TLS12, announced: TLS13 }, `SCRAM-SHA-256-PLUS ${TLS12} p`],
    [
      'our best that it announces',
      { offered: PLUS, bindings: TLS13, announced: TLS12 },
      `SCRAM-SHA-256-PLUS ${TLS12} p`,
    ],
    ['nothing announced is a wager', { offered: PLUS, bindings: TLS13 }, 'SCRAM-SHA-256-PLUS tls-exporter p wager'],
    ['none in common', { offered: PLUS, bindings: TLS13, announced: ['tls-unique'] }, 'SCRAM-SHA-256 - n'],
    ['we cannot bind', { offered: PLUS, bindings: [] }, 'SCRAM-SHA-256 - n'],
    ['no -PLUS, or stripped of it', { offered: SCRAM, bindings: TLS13 }, 'SCRAM-SHA-256 - y'],
    ['stripped, the types left in', { offered: SCRAM, bindings: TLS13, announced: TLS13 }, 'SCRAM-SHA-256 - y'],
    ['no TLS', { offered: SCRAM, bindings: [] }, 'SCRAM-SHA-256 - n'],
    ['the wager was lost', { offered: PLUS, bindings: TLS13, unbound: true }, 'SCRAM-SHA-256 - n'],
    ['-PLUS of another hash', { offered: [...SCRAM, 'SCRAM-SHA-1-PLUS'] }, 'SCRAM-SHA-1-PLUS tls-exporter p wager'],
    ['our order, not theirs', { offered: SCRAM, preferred: ['PLAIN', 'SCRAM-SHA-1'] }, 'PLAIN - n'],
    ['what was refused is not tried again', { offered: SCRAM, refused: ['SCRAM-SHA-256'] }, 'SCRAM-SHA-1 - y'],
    ['PLAIN where it may be', { offered: ['PLAIN'] }, 'PLAIN - n'],
    ['PLAIN where it may not be', { offered: ['PLAIN'], plain: false }, '-'],
    ['no password in sight', { offered: ['ANONYMOUS'], plain: false }, 'ANONYMOUS - n'],
    ['nothing in common', { offered: ['GSSAPI'] }, '-'],
    ['nothing offered', { offered: [] }, '-'],
  ];
  for (const [title, state, expected] of rows) {
    const choice = chooseMechanism({ ...INPUT, refused: [], unbound: false, ...state });
    const { mechanism, binding, gs2, wager } = choice ?? {};
    const words = choice === null ? ['-'] : [mechanism, binding ?? '-', gs2, ...(wager ? ['wager'] : [])];
    assert.is(words.join(' '), expected, title);
  }
});

tests('an exchange goes through', () => {
  const rig = asking();
  assert.is(rig.state, 'asking');
  assert.is(rig.done(true).state, 'initiating');
  assert.is(rig.done().state, 'exchanging');
  assert.is(rig.send(challenge).state, 'responding');
  assert.is(rig.done().state, 'exchanging');
  assert.is(rig.send(success).state, 'verifying');
  rig.done();
  assert.equal(rig.output, {
    type: 'authenticated',
    choice: { mechanism: 'SCRAM-SHA-256', binding: null, gs2: 'y', wager: false },
  });
  assert.equal(rig.log(), []);
});

tests('without a common mechanism or credentials there is nothing to try', () => {
  assert.equal(failed(asking({ offered: ['GSSAPI'] })), ['no-mechanism', 'never']);
  assert.equal(failed(asking({ offered: [] })), ['no-mechanism', 'never']);
  assert.equal(failed(asking().done(false)), ['no-credentials', 'user']);
});

tests('what the shell rejects with is what the exchange fails with, and the server hears of it while it waits', () => {
  const wrong = failure('auth', 'never', { stage: 'auth', condition: 'server-signature-wrong' });
  const stages: [string, Rig<typeof saslMachine>, string[]][] = [
    ['asking', asking(), []],
    ['initiating', asking().done(true), []],
    ['responding', responding(), ['writeAbort']],
    ['verifying', exchanging().send(success), []],
  ];
  for (const [state, rig, log] of stages) {
    assert.is(rig.state, state);
    assert.equal(failed(rig.error(wrong)), ['server-signature-wrong', 'never']);
    assert.equal(rig.log(), log, state);
  }
  assert.equal(failed(asking().error(new Error('a bug'))), ['internal', 'never']);
});

tests('neither the application nor the server is waited for without end', () => {
  assert.equal(failed(asking().pass(INPUT.timeout)), ['timeout', 'backoff']);
  const silent = exchanging().pass(INPUT.timeout);
  assert.equal(failed(silent), ['timeout', 'backoff']);
  assert.equal(silent.log(), ['writeAbort']);
});

tests('success out of turn is no success', () => {
  assert.equal(failed(responding().send(success)), ['protocol', 'never']);
});

tests('what a refusal means for the run', () => {
  const verdicts: Record<string, string> = {
    'not-authorized': 'user',
    'account-disabled': 'user',
    'credentials-expired': 'user',
    'invalid-authzid': 'user',
    'temporary-auth-failure': 'backoff',
    aborted: 'never',
    'malformed-request': 'never',
    'incorrect-encoding': 'never',
    'no-such-condition': 'never',
  };
  for (const [condition, retry] of Object.entries(verdicts)) {
    assert.equal(failed(exchanging().send(refusal(condition))), [condition, retry]);
    assert.equal(failed(responding().send(refusal(condition, 'in words'))), [condition, retry]);
  }
});

tests("the server's words go with the refusal", () => {
  const { output } = exchanging().send(refusal('not-authorized', 'try harder'));
  assert.is(output.type === 'failed' && output.failure.text, 'try harder');
});

tests('a refused mechanism makes way for the next one', () => {
  for (const condition of ['invalid-mechanism', 'mechanism-too-weak', 'encryption-required']) {
    const rig = exchanging().send(refusal(condition));
    assert.equal([rig.state, rig.context.choice?.mechanism], ['asking', 'SCRAM-SHA-1']);
    rig.done(true).done().send(refusal(condition));
    assert.is(rig.context.choice?.mechanism, 'PLAIN');
    assert.equal(failed(rig.done(true).done().send(refusal(condition))), [condition, 'never']);
  }
});

tests('EXTERNAL and ANONYMOUS have no password to be wrong', () => {
  for (const mechanism of ['EXTERNAL', 'ANONYMOUS']) {
    const rig = exchanging({ offered: [mechanism, 'PLAIN'], preferred: [mechanism, 'PLAIN'] });
    rig.send(refusal('not-authorized'));
    assert.equal([rig.state, rig.context.choice?.mechanism], ['asking', 'PLAIN']);
  }
});

/** Goes through refusals until the machine gives up; the refusals that the application saw when it was asked. */
function questions(rig: Rig<typeof saslMachine>, condition: string): (string | null)[] {
  const seen: (string | null)[] = [];
  while (rig.snapshot.status === 'active') {
    seen.push(rig.inputOf<{ refusal: Failure | null }>().refusal?.condition ?? null);
    rig.done(true).done().send(refusal(condition));
  }
  assert.equal(failed(rig), [condition, 'user']);
  return seen;
}

tests('the application is asked again, as often as agreed, and told why', () => {
  assert.equal(questions(asking({ asks: 1 }), 'not-authorized'), [null]);
  assert.equal(questions(asking({ asks: 3 }), 'account-disabled'), [null, 'account-disabled', 'account-disabled']);
});

tests('the refusal of the attempt before this one is told, too', () => {
  const refused = failure('auth', 'backoff', { condition: 'temporary-auth-failure' });
  assert.equal(questions(asking({ refusal: refused }), 'not-authorized'), ['temporary-auth-failure']);
});

tests('a lost wager falls back to the plain form once and is not held against the password', () => {
  const rig = exchanging(WITH_PLUS);
  assert.equal(rig.context.choice, { mechanism: 'SCRAM-SHA-1-PLUS', binding: 'tls-exporter', gs2: 'p', wager: true });
  rig.send(refusal('not-authorized'));
  assert.equal(rig.context.choice, { mechanism: 'SCRAM-SHA-1', binding: null, gs2: 'n', wager: false });
  rig.done(true).done().send(success).done();
  assert.is(rig.output.type, 'authenticated');

  assert.equal(questions(asking({ ...WITH_PLUS, asks: 1 }), 'not-authorized'), [null, null]);
  assert.equal(questions(asking({ ...WITH_PLUS, asks: 2 }), 'not-authorized'), [null, null, 'not-authorized']);
});

tests(
  'there is no wager where the type was announced, where nothing is left to fall back to, or for a passing trouble',
  () => {
    assert.equal(questions(asking({ ...WITH_PLUS, announced: ['tls-exporter'] }), 'not-authorized'), [null]);
    assert.equal(questions(asking({ ...WITH_PLUS, preferred: ['SCRAM-SHA-1-PLUS'] }), 'not-authorized'), [null]);
    const passing = exchanging(WITH_PLUS).send(refusal('temporary-auth-failure'));
    assert.equal(failed(passing), ['temporary-auth-failure', 'backoff']);
  },
);

tests('no step takes longer than agreed, ours neither', () => {
  const { timeout } = exchanging().context;
  const initiating = asking().done(true);
  const responding = exchanging().send({ type: 'sasl.challenge' });
  const verifying = exchanging().send(success);
  for (const [rig, log] of [
    [initiating, []],
    [responding, ['writeAbort']],
    [verifying, []],
  ] as const) {
    rig.log();
    assert.is(rig.pass(timeout - 1).snapshot.status, 'active');
    rig.pass(1);
    assert.equal([rig.output.type, rig.context.failure?.kind, rig.log()], ['failed', 'timeout', log]);
  }
});

tests('every transition was taken', () => {
  assert.equal(untaken(saslMachine), []);
});

tests.run();
