import * as assert from 'uvu/assert';
import { softwareVersion } from '../../examples/software-version.ts';
import { createClient, disco, StanzaError } from '../../src/index.ts';
import { testServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';

const test = suite('examples/software-version');

test('one asks the server and another client, which answers as long as it has the service', async () => {
  await using server = await testServer({ accounts: { one: 'one', other: 'two' } });
  const common = { ca: server.ca, endpoints: [server.endpoint] };
  await using one = createClient({ ...common, jid: `one@${server.domain}`, password: 'one' });
  await using other = createClient({ ...common, jid: `other@${server.domain}`, password: 'two' });
  await Promise.all([one.start(), other.start()]);
  const sonnet = softwareVersion({ name: 'Sonnet', version: '18', os: '<Stratford & Avon>' });
  other.use(sonnet);
  const { of } = one.use(softwareVersion({ name: 'Madrigal', version: '1' }));
  assert.equal(await of(server.domain), { name: 'xstanza test server', version: '1', os: undefined });
  assert.equal(await of(other.jid), { name: 'Sonnet', version: '18', os: '<Stratford & Avon>' });
  const features = async () => [...(await one.use(disco).queryInfo(other.jid, { requireFresh: true })).features];
  assert.ok((await features()).includes('jabber:iq:version'));
  other.remove(sonnet);
  await of(other.jid).then(
    () => assert.unreachable(),
    (error) => assert.ok(error instanceof StanzaError && error.condition === 'service-unavailable'),
  );
  assert.not((await features()).includes('jabber:iq:version'));
});

test.run();
