import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type DiscoInput, discoMachine, type InfoFacts, type ItemFacts } from '../../machines/disco.ts';
import { chart, Rig, untaken } from './rig.ts';

const DOMAIN = 'example.org';
const INPUT: DiscoInput = { domain: DOMAIN, timeout: 30_000, limit: 3 };

const info = (...features: string[]): InfoFacts => ({ identities: [], features, forms: [] });
const item = (jid: string, node: string | null = null): ItemFacts => ({ jid, node, name: null });
const known = (jid: string, ...features: string[]) =>
  ({ type: 'entity.known', entity: { ...item(jid), info: info(...features) } }) as const;
const failed = (jid: string) =>
  ({ type: 'entity.failed', failure: { jid, node: null, about: 'info', condition: 'forbidden' } }) as const;

/** A discovery whose server has answered. */
const asked = (...features: string[]) => new Rig(discoMachine, INPUT).done(info(...features));
/** One that has to ask these items. */
const walking = (...jids: string[]) => asked('urn:a').done(jids.map((jid) => item(jid)));

/** What is known: features by JID. */
const found = ({ context: { server, entities } }: Rig<typeof discoMachine>) =>
  [server, ...entities].flatMap((one) => (one === null ? [] : [`${one.jid} ${one.info.features.join(' ')}`.trim()]));
const failures = ({ context }: Rig<typeof discoMachine>) =>
  context.failures.map(({ jid, about, condition }) => `${jid} ${about} ${condition}`);

const tests = chart('machines/disco');

tests('the server, what it is home to, and each of those', () => {
  const rig = new Rig(discoMachine, INPUT);
  assert.equal([rig.state, rig.inputOf()], ['askingServer', { jid: DOMAIN, node: null, fresh: false }]);
  rig.done(info('urn:a', 'urn:b'));
  assert.equal([rig.state, rig.inputOf()], ['askingItems', { jid: DOMAIN, node: null, fresh: false }]);
  rig.done([item('conference.example.org'), item('upload.example.org')]);
  assert.equal([rig.state, rig.children], ['askingEach', ['askEach']]);
  rig.send(known('upload.example.org', 'urn:upload'));
  assert.is(rig.state, 'askingEach');
  assert.equal(found(rig), ['example.org urn:a urn:b', 'upload.example.org urn:upload']);
  assert.equal(rig.log(), []);
  rig.send(failed('conference.example.org'));
  assert.equal([rig.state, rig.log(), rig.timers], ['known', ['tell'], 0]);
  assert.equal(failures(rig), ['conference.example.org info forbidden']);
});

tests('a server that is home to nobody is known at once', () => {
  const rig = walking();
  assert.equal([rig.state, rig.log()], ['known', ['tell']]);
});

tests('a server that does not say what it can do is unknown', () => {
  for (const [thrown, condition] of [
    [{ condition: 'forbidden' }, 'forbidden'],
    [new Error('secret'), 'undefined-condition'],
    [null, 'undefined-condition'],
  ] as const) {
    const rig = new Rig(discoMachine, INPUT).error(thrown);
    assert.equal([rig.state, failures(rig), rig.log()], ['unknown', [`example.org info ${condition}`], ['tell']]);
    assert.not.match(JSON.stringify(rig.context), 'secret');
  }
  const silent = new Rig(discoMachine, INPUT).pass(30_000);
  assert.equal([silent.state, failures(silent)], ['unknown', ['example.org info timeout']]);
  assert.equal([silent.children, silent.timers], [[], 0]);
});

tests('a server that does not say what it is home to is known for what it is', () => {
  const refused = asked('urn:a').error({ condition: 'service-unavailable' });
  assert.equal([refused.state, found(refused)], ['known', ['example.org urn:a']]);
  assert.equal(failures(refused), ['example.org items service-unavailable']);
  const silent = asked('urn:a').pass(30_000);
  assert.equal([silent.state, failures(silent)], ['known', ['example.org items timeout']]);
});

tests('items that do not answer are not waited for without end', () => {
  const rig = walking('one', 'two').send(known('one')).pass(30_000);
  assert.equal([rig.state, found(rig)], ['known', ['example.org urn:a', 'one']]);
  assert.equal([failures(rig), rig.children, rig.timers], [['two info timeout'], [], 0]);
});

tests('no long list is walked to its end, and nobody is asked twice', () => {
  const rig = walking('one', 'two', 'two', 'three', 'four', 'five');
  assert.equal(
    rig.context.waiting.map(({ jid }) => jid),
    ['one', 'two', 'three'],
  );
  assert.is(rig.context.left, 2);
  assert.is(walking('one', 'one', 'two', 'three').context.left, 0);
  const nodes = asked().done([item('one'), item('one', 'node'), item('one')]);
  assert.is(nodes.context.waiting.length, 2);
  assert.is(nodes.context.left, 0);
});

tests('a refresh asks everybody anew, and keeps what is known until then', () => {
  const rig = walking('one', 'two').send(known('one', 'urn:x'), failed('two'), { type: 'refresh' });
  assert.equal([rig.state, failures(rig)], ['askingServer', []]);
  assert.equal(rig.inputOf(), { jid: DOMAIN, node: null, fresh: true });
  assert.equal(found(rig), ['example.org urn:a', 'one urn:x']);
  rig.done(info('urn:b'));
  assert.equal(found(rig), ['example.org urn:b', 'one urn:x']);
  rig.done([item('one'), item('three')]);
  assert.equal(found(rig), ['example.org urn:b', 'one urn:x']);
  rig.send(known('one', 'urn:y')).pass(30_000);
  assert.equal([rig.state, found(rig)], ['known', ['example.org urn:b', 'one urn:y']]);
  rig
    .send({ type: 'refresh' })
    .done(info('urn:b'))
    .done([item('three')])
    .send(known('three'));
  assert.equal(found(rig), ['example.org urn:b', 'three']);
  rig
    .send({ type: 'refresh' })
    .done(info('urn:b'))
    .done([item('three')])
    .pass(30_000);
  assert.equal(found(rig), ['example.org urn:b']);
  rig.send({ type: 'refresh' }).error({ condition: 'forbidden' });
  assert.equal([rig.state, found(rig)], ['unknown', []]);
});

tests('a refresh is legal in every state', () => {
  const states = [
    () => new Rig(discoMachine, INPUT),
    () => asked(),
    () => walking('one'),
    () => walking(),
    () => new Rig(discoMachine, INPUT).pass(30_000),
  ];
  assert.equal(
    states.map((reach) => reach().state),
    ['askingServer', 'askingItems', 'askingEach', 'known', 'unknown'],
  );
  for (const reach of states) {
    const rig = reach().send({ type: 'refresh' });
    assert.equal([rig.state, rig.children, rig.timers], ['askingServer', ['askInfo'], 1]);
  }
});

type Move = (rig: Rig<typeof discoMachine>) => unknown;

const JIDS = ['one', 'two', 'three', 'four'];
const asking = (rig: Rig<typeof discoMachine>, child: string) => rig.children.includes(child);

/** What may happen to a discovery. What it does not wait for passes it by. */
const moves: Record<string, Move> = {
  refresh: (rig) => rig.send({ type: 'refresh' }),
  'time passes': (rig) => rig.pass(30_000),
  'the server': (rig) => asking(rig, 'askInfo') && rig.done(info('urn:a')),
  'not the server': (rig) => asking(rig, 'askInfo') && rig.error({ condition: 'forbidden' }),
  'no items': (rig) => asking(rig, 'askItems') && rig.done([]),
  'not the items': (rig) => asking(rig, 'askItems') && rig.error({ condition: 'forbidden' }),
  items: (rig) => asking(rig, 'askItems') && rig.done(JIDS.map((jid) => item(jid))),
  'other items': (rig) => asking(rig, 'askItems') && rig.done(['five', 'one'].map((jid) => item(jid))),
  ...Object.fromEntries(JIDS.map((jid) => [`${jid} answers`, (rig) => rig.send(known(jid))] satisfies [string, Move])),
  ...Object.fromEntries(JIDS.map((jid) => [`${jid} refuses`, (rig) => rig.send(failed(jid))] satisfies [string, Move])),
};

tests('whatever happens, every wait has an end, and nothing is known of who is not there', () => {
  const seen = new Set<string>();
  const way = fc.array(fc.constantFrom(...Object.keys(moves)), { maxLength: 40 });
  fc.assert(
    fc.property(way, (names) => {
      const rig = new Rig(discoMachine, INPUT);
      for (const name of names) {
        moves[name]?.(rig);
        const { state, context } = rig;
        seen.add(state);
        const waits = state.startsWith('asking');
        assert.equal([rig.children.length, rig.timers], waits ? [1, 1] : [0, 0], state);
        assert.is(rig.snapshot.status, 'active');
        assert.ok(context.entities.length <= INPUT.limit);
        assert.is(new Set(context.entities.map(({ jid }) => jid)).size, context.entities.length);
        assert.is(context.waiting.length > 0, state === 'askingEach');
        if (context.server === null) assert.equal(context.entities, []);
      }
      rig.pass(30_000).pass(30_000).pass(30_000);
      assert.match(rig.state, /^(known|unknown)$/);
    }),
    { numRuns: 300 },
  );
  assert.is(seen.size, 5);
});

tests('every transition was taken', () => {
  assert.equal(untaken(discoMachine), []);
});

tests.run();
