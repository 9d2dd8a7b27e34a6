/**
 * Real servers for tests, in throw-away folders on loopback ports:
 *
 *   const test = await serverSuite('login');
 *   let server: RealServer;
 *   test.before(async () => {
 *     server = await startProsody({ version: '13' });
 *     await server.addAccount('alice', 'secret');
 *   });
 *   test.after(() => server.dispose());
 *   test('…', async () => { … connect to 127.0.0.1:server.ports.starttls, trust server.ca … });
 *   test.run();
 */
import { type Suite, suite } from '../harness.ts';
import { install } from './install.ts';

export { type CertificateKind, clientCertificate, type KeyPair } from './certificates.ts';
export { type EjabberdVersion, startEjabberd } from './ejabberd.ts';
export { startJabberd2 } from './jabberd2.ts';
export type { ServerOptions } from './options.ts';
export { type ProsodyVersion, startProsody } from './prosody.ts';
export type { Hosts, Ports, RealServer } from './real-server.ts';

/**
 * A suite that needs real servers. They are installed before it is given, outside of any time limit. With
 * `XSTANZA_SERVERS=none` in the environment nothing is, its hooks do nothing, and each test of it counts as skipped.
 *
 * @param limit Milliseconds a test may take; that of `suite` by default.
 * @throws Error when the servers cannot be installed.
 */
export async function serverSuite(title: string, limit?: number): Promise<Suite> {
  const inner = suite(title, limit);
  if (process.env.XSTANZA_SERVERS !== 'none') {
    await install();
    return inner;
  }
  const nothing = () => {};
  const skipped = (name: string) => inner.skip(name);
  return Object.assign(skipped, { ...inner, before: nothing, after: nothing, afterEach: nothing });
}
