/** The XML stream on its own and real servers: P-12, P-18, P-35. */
import * as assert from 'uvu/assert';
import { el } from '../../src/index.ts';
import { NS } from '../../src/namespaces.ts';
import { XMLStream } from '../../src/stream/index.ts';
import { PASSWORD } from './people.ts';
import { type RealServer, serverSuite, startEjabberd, startProsody } from './servers.ts';

const KINDS: Record<string, () => Promise<RealServer>> = {
  Prosody: () => startProsody({ version: '13' }),
  ejabberd: () => startEjabberd({ version: '24.12' }),
};

for (const [kind, start] of Object.entries(KINDS)) {
  const test = await serverSuite(`XML stream and ${kind}`, 30_000);
  let server: RealServer;

  test.before(async () => {
    server = await start();
    await server.addAccount('alice', PASSWORD);
  });
  test.after(() => server.dispose());

  const make = () => new XMLStream({ to: server.domain, tls: { ca: server.ca } });

  test('P-12, P-18, P-35, P-36, P-37, X-23: TLS, SASL and a resource, one by one', async () => {
    const stream = make();
    await stream.connect({ host: '127.0.0.1', port: server.ports.starttls });
    await stream.features();
    await stream.sendAndWaitFor([el('starttls', { xmlns: NS.tls })], [{ name: 'proceed', namespace: NS.tls }]);
    const seen: (string | undefined)[] = [];
    await stream.startTls({ postHandshake: async ({ certificate }) => seen.push(certificate?.fingerprint256) });
    assert.match(seen[0] ?? '', /^[0-9A-F:]{95}$/);
    await stream.resetAndGetFeatures();
    const plain = Buffer.from(`\0alice\0${PASSWORD}`).toString('base64');
    const auth = el('auth', { xmlns: NS.sasl, mechanism: 'PLAIN' }, plain);
    const answers = ['success', 'failure'].map((name) => ({ name, namespace: NS.sasl }));
    assert.is((await stream.sendAndWaitFor([auth], answers)).name, 'success');
    assert.ok((await stream.resetAndGetFeatures()).find('bind', NS.bind));
    const bind = el('iq', { type: 'set', id: '1' }, el('bind', { xmlns: NS.bind }));
    const bound = await stream.sendAndWaitFor([bind], [{ name: 'iq', namespace: NS.client }]);
    assert.match(bound.find('bind', NS.bind)?.find('jid')?.text ?? '', `alice@${server.domain}/`);
    await stream.closeAndWait();
    assert.is(await stream.ended(), null);
  });

  test('P-18, P-35: a stream in clear is closed in good order, with half of the connection', async () => {
    const stream = make();
    await stream.connect({ host: '127.0.0.1', port: server.ports.starttls });
    await stream.features();
    const states: string[] = [];
    stream.actor.subscribe(() => states.push(stream.state));
    await stream.closeAndWait();
    assert.equal(states.slice(0, 2), ['CLOSING', 'CLOSING_STREAM_FOOTER_RECEIVED'], 'not cut short by a deadline');
    stream.abort();
  });

  test.run();
}
