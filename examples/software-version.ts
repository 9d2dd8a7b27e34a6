/**
 * A service of one's own, in one file: which software others use, and which we do (XEP-0092).
 *
 *     const software = client.use(softwareVersion({ name: 'Sonnet', version: '18' }));
 *     await software.of('example.org'); // { name: 'Prosody', version: '13.0.1', os: 'Linux' }
 *
 * As a program it asks once:
 *
 *     XSTANZA_PASSWORD=secret node software-version.js me@example.org example.org
 */
import { createClient, discoServer, el, type JID, type Service, type WaitOptions } from '../src/index.ts';

const NAMESPACE = 'jabber:iq:version';

/** What an entity says it is; empty where it does not say. Anybody may say anything. */
export interface Software {
  readonly name: string;
  readonly version: string;
  readonly os?: string | undefined;
}

/** What `client.use` gives. */
export interface SoftwareVersion {
  /** Asks somebody; throws as `Client.request` does, a `StanzaError` if they do not tell. */
  of(jid: JID | string, options?: WaitOptions): Promise<Software>;
}

/** The service that says `own` to whoever asks. It is one service: keep it, and give `client.use` the same one each time. */
export function softwareVersion({ name, version, os }: Software): Service<SoftwareVersion> {
  return {
    name: 'software-version',
    // Those are there before, and are not taken away while this one is.
    needs: [discoServer],
    create(host) {
      // What is registered through the host goes with the service; `defer` has anything else go with it, too.
      host.defer(host.use(discoServer).addFeature(NAMESPACE));
      host.handle('get', NAMESPACE, 'query', () =>
        el(
          'query',
          { xmlns: NAMESPACE },
          el('name', {}, name),
          el('version', {}, version),
          os !== undefined && el('os', {}, os),
        ),
      );
      return {
        async of(jid, options) {
          const question = el('iq', { type: 'get', to: jid }, el('query', { xmlns: NAMESPACE }));
          const answer = await host.client.request(question, options);
          const read = (part: string) => answer?.find(part)?.text;
          return { name: read('name') ?? '', version: read('version') ?? '', os: read('os') };
        },
      };
    },
  };
}

const [, program = '', jid, whom] = process.argv;
if (program.endsWith('software-version.js') && jid !== undefined && whom !== undefined) {
  await using client = createClient({ jid, password: process.env.XSTANZA_PASSWORD ?? '' });
  await client.start();
  const software = client.use(softwareVersion({ name: 'xstanza example', version: '1' }));
  console.log(await software.of(whom, { timeout: 10_000 }));
}
