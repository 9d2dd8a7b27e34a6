import * as assert from 'uvu/assert';
import { type ActorSnapshot, type ClientSnapshot, view } from '../../src/client/snapshot.ts';
import { ClientRig } from '../machines/client-rig.ts';
import { chart } from '../machines/rig.ts';
import { endpoint, failure, reset } from '../machines/samples.ts';

const test = chart('client/snapshot');

const look = (rig: ClientRig, previous: ClientSnapshot | null = null) =>
  view(rig.snapshot as unknown as ActorSnapshot, previous);

const WAYS: readonly [about: string, go: (rig: ClientRig) => ClientRig, expected: Partial<ClientSnapshot>][] = [
  [
    'before the first start',
    (rig) => rig,
    { phase: 'offline', jid: null, established: false, resumed: null, retry: null, failure: null, features: null },
  ],
  ['looking for the server', (rig) => rig.start(), { phase: 'connecting', established: false }],
  ['dialing', (rig) => rig.start().found('a'), { phase: 'connecting' }],
  ['negotiating', (rig) => rig.start().found('a').connect(), { phase: 'connecting' }],
  ['before the hooks are done', (rig) => rig.start().found('a').connect().login().bind(), { phase: 'connecting' }],
  [
    'online',
    (rig) => rig.online(),
    { phase: 'online', established: true, suspended: false, resumed: false, retry: null, failure: null },
  ],
  ['online without stream management', (rig) => rig.online(null), { phase: 'online', streamManagement: null }],
  [
    'cut off, and able to resume',
    (rig) => rig.online().lose(),
    { phase: 'reconnecting', established: true, suspended: true, failure: { ...reset, endpoint: endpoint('a') } },
  ],
  [
    'cut off for good',
    (rig) => rig.online(null).lose(),
    { phase: 'reconnecting', established: false, suspended: false, failure: { ...reset, endpoint: endpoint('a') } },
  ],
  ['connecting again', (rig) => rig.online().lose().wait().found('a'), { phase: 'reconnecting', retry: null }],
  [
    'resumed',
    (rig) => rig.online().lose().reconnect().resume(),
    { phase: 'online', established: true, suspended: false, resumed: true, failure: null },
  ],
  ['waiting before it was ever online', (rig) => rig.start().found('a').lose(), { phase: 'connecting' }],
  ['waiting without a network', (rig) => rig.online().lose().send({ type: 'network.offline' }), { retry: null }],
  ['leaving', (rig) => rig.online().stop(), { phase: 'disconnecting', retry: null }],
  [
    'stopped',
    (rig) => rig.online().stop().farewell(),
    { phase: 'offline', established: false, jid: 'me@example.org/home' },
  ],
  [
    'failed',
    (rig) => rig.online().streamError(failure('conflict', 'user')),
    { phase: 'failed', established: false, failure: failure('conflict', 'user', { endpoint: endpoint('a') }) },
  ],
];

for (const [about, go, expected] of WAYS) {
  test(about, () => {
    const snapshot = look(go(new ClientRig()));
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(snapshot[name as keyof ClientSnapshot], value, name);
    }
  });
}

test('the pause is told while it lasts', () => {
  const rig = new ClientRig().online().lose();
  const { retry } = look(rig);
  assert.is(retry?.attempt, 1);
  assert.ok((retry?.delay ?? 0) > 0);
  assert.is(look(rig.wait()).retry, null);
});

test('the id of a session is for the server alone', () => {
  const { streamManagement } = look(new ClientRig().online({ id: 'secret', max: 300, location: null }));
  assert.equal(streamManagement, { resumable: true, max: 300, location: null });
});

test('it is plain data', () => {
  const snapshot = look(new ClientRig().online());
  assert.equal(JSON.parse(JSON.stringify(snapshot)), snapshot);
});

test('it is the same object while nothing in it changes', () => {
  const rig = new ClientRig().online();
  const before = look(rig);
  assert.is(look(rig, before), before);
  rig.send({ type: 'flow.waiting' }, { type: 'flow.drained' });
  assert.is(look(rig, before), before, 'what flows is no change');
  rig.lose();
  assert.is.not(look(rig, before), before);
});

test.run();
