import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type NegotiationInput, negotiationMachine } from '../../machines/negotiation.ts';
import type { SaslInput } from '../../machines/sasl.ts';
import type { Features, NegotiationEvent } from '../../machines/wire.ts';
import { chart, Rig, untaken } from './rig.ts';
import { choice, failure, features, security, ticket } from './samples.ts';

const INPUT: NegotiationInput = {
  tls: 'required',
  security: null,
  mechanisms: ['SCRAM-SHA-256', 'PLAIN'],
  bareLogin: false,
  asks: 1,
  refusal: null,
  previd: null,
  freshAllowed: true,
  resource: 'home',
  sm: { resume: true, max: 600 },
  timeout: 60_000,
};

const JID = 'me@example.org/home';

const offer = (some: Partial<Features>): NegotiationEvent => ({ type: 'features', features: features(some) });
const mechanisms = ['SCRAM-SHA-256', 'PLAIN'];
const proceed: NegotiationEvent = { type: 'starttls.proceed' };
const secured: NegotiationEvent = { type: 'tls.secured', security };
const bound: NegotiationEvent = { type: 'bind.result', jid: JID };
const enabled: NegotiationEvent = { type: 'sm.enabled', ticket };
const smFailed: NegotiationEvent = { type: 'sm.failed', condition: 'item-not-found' };
const legacy: NegotiationEvent = { type: 'legacy.result' };
const resumed: NegotiationEvent = { type: 'sm.resumed', previd: 'previous' };

type Input = Partial<NegotiationInput>;

const negotiation = (input: Input = {}) => new Rig(negotiationMachine, { ...INPUT, ...input });

/** Over TLS and authenticated: the features of the third stream are due. */
function authenticated(input: Input = {}): Rig<typeof negotiationMachine> {
  const rig = negotiation({ security, ...input }).send(offer({ mechanisms }));
  rig.done({ type: 'authenticated', choice }, 'sasl');
  rig.log();
  return rig;
}

const resuming = (input: Input = {}) =>
  authenticated({ previd: 'previous', ...input }).send(offer({ bind: true, sm: true }));

/** The outcome in words: how it ended and, where it was refused, what of and what the server is told. */
function outcome({ output }: Rig<typeof negotiationMachine>): string {
  if (output.type !== 'refused') return output.type;
  const { failure, error } = output;
  return `${failure.condition ?? failure.kind} at ${failure.stage}, ${failure.retry}, says ${error?.condition ?? '-'}`;
}

const tests = chart('machines/negotiation');

tests('from nothing to a session, step by step', () => {
  const rig = negotiation();
  assert.is(rig.state, 'awaiting');
  assert.is(rig.send(offer({ starttls: 'required', mechanisms: ['PLAIN'] })).state, 'securing.requesting');
  assert.is(rig.send(proceed).state, 'securing.handshaking');
  assert.is(rig.send(secured).state, 'awaiting');
  assert.is(rig.send(offer({ mechanisms })).state, 'authenticating');
  assert.is(rig.done({ type: 'authenticated', choice }, 'sasl').state, 'awaiting');
  assert.is(rig.send(offer({ bind: true, sm: true, session: 'required' })).state, 'binding');
  assert.is(rig.send(bound).state, 'enabling');
  assert.is(rig.send(enabled).state, 'establishing');
  assert.is(rig.send(legacy).state, 'bound');
  assert.equal(rig.log(), [
    'write starttls',
    'secure',
    'restart',
    'restart',
    'write bind home',
    'write enable true 600',
    'write session',
  ]);
  assert.equal(rig.output, {
    type: 'bound',
    jid: JID,
    ticket,
    features: features({ bind: true, sm: true, session: 'required' }),
    trust: { security, mechanism: 'SCRAM-SHA-256', binding: null },
  });
});

tests('TLS is taken where it is offered, demanded where it is required, and left out where it is off', () => {
  const rows: [tls: NegotiationInput['tls'], starttls: Features['starttls'], state: string, outcome?: string][] = [
    ['required', 'required', 'securing.requesting'],
    ['required', 'optional', 'securing.requesting'],
    ['required', null, 'refused', 'policy-violation at tls, user, says policy-violation'],
    ['optional', 'required', 'securing.requesting'],
    ['optional', 'optional', 'securing.requesting'],
    ['optional', null, 'authenticating'],
    ['off', 'required', 'refused', 'policy-violation at tls, user, says policy-violation'],
    ['off', 'optional', 'authenticating'],
    ['off', null, 'authenticating'],
  ];
  for (const [tls, starttls, state, expected] of rows) {
    const rig = negotiation({ tls }).send(offer({ starttls, mechanisms }));
    assert.is(rig.state, state, `${tls} ${starttls}`);
    if (expected !== undefined) assert.is(outcome(rig), expected);
  }
  assert.is(negotiation({ security }).send(offer({ starttls: 'required', mechanisms })).state, 'authenticating');
});

tests('a handshake that fails ends the attempt, whatever the policy', () => {
  for (const tls of ['required', 'optional'] as const) {
    const asked = negotiation({ tls }).send(offer({ starttls: 'optional' }));
    assert.is(outcome(asked.send({ type: 'starttls.failure' })), 'tls at tls, backoff, says -');

    const certificate = failure('tls', 'user', { stage: 'tls', condition: 'CERT_HAS_EXPIRED' });
    const shaking = negotiation({ tls }).send(offer({ starttls: 'optional' }), proceed);
    shaking.send({ type: 'tls.failed', failure: certificate });
    assert.is(outcome(shaking), 'CERT_HAS_EXPIRED at tls, user, says -');
  }
});

tests('SASL hears what it needs to choose, and every word of the server', () => {
  const sasl = (input: Input, offered: Partial<Features> = {}) => {
    const rig = negotiation(input).send(offer({ mechanisms, ...offered }));
    return [rig, rig.snapshot.children.sasl?.getSnapshot().context as SaslInput] as const;
  };
  const refusal = failure('auth', 'backoff');
  const [rig, told] = sasl({ security, asks: 3, refusal }, { bindings: ['tls-exporter'] });
  assert.equal(
    [told.offered, told.announced, told.bindings, told.preferred, told.plain, told.asks, told.timeout, told.refusal],
    [mechanisms, ['tls-exporter'], security.bindings, INPUT.mechanisms, true, 3, INPUT.timeout, refusal],
  );
  assert.is(sasl({ tls: 'off' })[1].plain, false);
  assert.is(sasl({ tls: 'off', bareLogin: true })[1].plain, true);
  assert.equal(sasl({ tls: 'off' })[1].bindings, []);

  const inner = rig.snapshot.children.sasl as { send(event: object): void; getSnapshot(): { value: string } };
  inner.send({ type: 'xstate.done.actor.credentials', output: true });
  inner.send({ type: 'xstate.done.actor.initiate' });
  assert.is(inner.getSnapshot().value, 'exchanging');
  rig.send({ type: 'sasl.challenge' });
  assert.is(inner.getSnapshot().value, 'responding');
});

tests('what SASL fails with is what the negotiation fails with', () => {
  const refused = negotiation({ security }).send(offer({ mechanisms }));
  refused.done({ type: 'failed', failure: failure('auth', 'user', { stage: 'auth' }) }, 'sasl');
  assert.is(outcome(refused), 'auth at auth, user, says -');

  const nothing = negotiation({ security }).send(offer({ mechanisms: ['GSSAPI'] }));
  assert.is(outcome(nothing), 'no-mechanism at auth, never, says policy-violation');
});

tests('a session that is there is asked back before anything is bound', () => {
  const rig = resuming();
  assert.equal([rig.state, rig.log()], ['resuming', ['write resume previous']]);
  assert.is(outcome(rig.send(resumed)), 'resumed');
  assert.is(outcome(resuming().send({ type: 'sm.resumed', previd: 'another' })), 'protocol at resume, backoff, says -');
});

tests('a session that is refused or not offered any more is followed by a new one, on the same stream', () => {
  const refused = resuming();
  refused.log();
  assert.equal([refused.send(smFailed).state, refused.log()], ['binding', ['write bind home']]);
  refused.send(bound, enabled);
  assert.is(outcome(refused), 'bound');

  const withdrawn = authenticated({ previd: 'previous' }).send(offer({ bind: true }));
  assert.equal([withdrawn.state, withdrawn.log()], ['binding', ['write bind home']]);
});

tests('E-1: unless a new one is not wanted', () => {
  const old = { freshAllowed: false };
  assert.is(outcome(resuming(old).send(smFailed)), 'session at resume, user, says -');
  const withdrawn = authenticated({ ...old, previd: 'previous' }).send(offer({ bind: true }));
  assert.is(outcome(withdrawn), 'session at resume, user, says -');
  assert.is(outcome(resuming(old).send(resumed)), 'resumed');
  // The first session of all takes nobody's place.
  assert.is(authenticated(old).send(offer({ bind: true })).state, 'binding');
});

tests('what follows the binding is what is wanted, offered and demanded', () => {
  const plain = { bind: true };
  const sm = { bind: true, sm: true };
  const old = { session: 'required' } as const;
  const rows: [title: string, input: Input, offered: Partial<Features>, events: NegotiationEvent[], state: string][] = [
    ['nothing', {}, plain, [], 'bound'],
    ['the session is optional', {}, { ...plain, session: 'optional' }, [], 'bound'],
    ['the session is demanded', {}, { ...plain, ...old }, [], 'establishing'],
    ['SM is offered', {}, sm, [], 'enabling'],
    ['SM is not wanted', { sm: null }, sm, [], 'bound'],
    ['SM is not wanted, the session is demanded', { sm: null }, { ...sm, ...old }, [], 'establishing'],
    ['SM is on', {}, sm, [enabled], 'bound'],
    ['SM is on, the session is demanded', {}, { ...sm, ...old }, [enabled], 'establishing'],
    ['SM is refused', {}, sm, [smFailed], 'bound'],
    ['SM is refused, the session is demanded', {}, { ...sm, ...old }, [smFailed], 'establishing'],
  ];
  for (const [title, input, offered, events, state] of rows) {
    assert.is(authenticated(input).send(offer(offered), bound, ...events).state, state, title);
  }
  const refused = authenticated().send(offer(sm), bound, smFailed);
  assert.is(refused.output.type === 'bound' && refused.output.ticket, null);
  const brief = authenticated({ sm: { resume: false, max: null } }).send(offer(sm), bound);
  assert.is(brief.log().at(-1), 'write enable false -');
});

tests('refusals of the server and offers it does not make', () => {
  const binding = authenticated().send(offer({ bind: true }));
  binding.send({ type: 'bind.error', failure: failure('bind', 'user', { stage: 'bind', condition: 'not-allowed' }) });
  assert.is(outcome(binding), 'not-allowed at bind, user, says -');

  const session = authenticated().send(offer({ bind: true, session: 'required' }), bound);
  session.send({ type: 'legacy.error', failure: failure('session', 'backoff', { stage: 'session' }) });
  assert.is(outcome(session), 'session at session, backoff, says -');

  assert.is(outcome(authenticated().send(offer({}))), 'protocol at bind, backoff, says -');
});

tests('E-6: every step has its deadline', () => {
  const steps: Record<string, Rig<typeof negotiationMachine>> = {
    stream: negotiation(),
    tls: negotiation().send(offer({ starttls: 'required' })),
    resume: resuming(),
    bind: authenticated().send(offer({ bind: true })),
    enable: authenticated().send(offer({ bind: true, sm: true }), bound),
    session: authenticated().send(offer({ bind: true, session: 'required' }), bound),
  };
  for (const [stage, rig] of Object.entries(steps)) {
    assert.ok(rig.snapshot.tags.has(stage), stage);
    assert.is(rig.pass(INPUT.timeout - 1).snapshot.status, 'active', stage);
    assert.is(outcome(rig.pass(1)), `timeout at ${stage}, backoff, says connection-timeout`);
  }
  const handshake = negotiation()
    .send(offer({ starttls: 'required' }), proceed)
    .pass(INPUT.timeout);
  assert.is(outcome(handshake), 'timeout at tls, backoff, says connection-timeout');
});

tests('the clock starts anew with every stream', () => {
  const rig = negotiation({ security })
    .pass(INPUT.timeout - 1)
    .send(offer({ mechanisms }));
  rig.done({ type: 'authenticated', choice }, 'sasl').pass(INPUT.timeout - 1);
  assert.is(rig.state, 'awaiting');
});

tests('every transition was taken', () => {
  assert.equal(untaken(negotiationMachine), []);
});

tests(
  'C.8, 25: whatever the server says, nothing but STARTTLS goes out in clear, and each request goes out once',
  () => {
    const flag = fc.boolean();
    const starttls = fc.constantFrom('required', 'optional', null);
    const feature = fc
      .record({ starttls, bind: flag, sm: flag, session: starttls })
      .map((some) => offer({ mechanisms, ...some }));
    const word = fc.constantFrom(proceed, secured, bound, enabled, smFailed, legacy, resumed, 'sasl' as const);
    const script = fc.array(fc.oneof(feature, word), { maxLength: 25 });
    const input = fc.record({ previd: fc.constantFrom(null, 'previous'), freshAllowed: flag });
    fc.assert(
      fc.property(input, script, (some, events) => {
        const rig = negotiation(some);
        const log: string[] = [];
        for (const event of events) {
          if (rig.snapshot.status !== 'active') break;
          if (event !== 'sasl') rig.send(event);
          else if (rig.children.includes('sasl')) rig.done({ type: 'authenticated', choice }, 'sasl');
          log.push(...rig.log());
          if (rig.context.security === null) {
            assert.equal(
              log.filter((line) => line !== 'write starttls' && line !== 'secure'),
              [],
            );
            assert.not(rig.children.includes('sasl'));
          }
        }
        const writes = log.filter((line) => line.startsWith('write'));
        assert.is(new Set(writes).size, writes.length, writes.join());
        if (rig.snapshot.status === 'done' && rig.output.type !== 'refused') {
          assert.ok(rig.output.trust.security !== null && rig.output.trust.mechanism !== null);
          assert.is(
            rig.output.type === 'resumed',
            log.includes('write resume previous') && rig.context.previd !== null,
          );
        }
      }),
      { numRuns: 1_000, includeErrorInReport: true },
    );
  },
);

tests.run();
