import type { Service, ServiceHost } from '../client/services.ts';
import type { JID } from '../jid.ts';
import { NS } from '../namespaces.ts';
import { tended, type WaitOptions } from '../wait.ts';
import { el } from '../xml/element.ts';
import { discoServer } from './disco/server.ts';

/** What `client.use(ping)` gives. */
export interface Ping {
  /**
   * Asks whether somebody is there, by default our server; resolves with the milliseconds until the answer.
   *
   * @param jid a full JID for a client; what is asked of a bare JID is answered by its server.
   * @throws StanzaError when the answer is an error: nobody is there, or somebody who does not tell.
   * @throws what else `Client.request` throws.
   */
  ping(jid?: JID | string, options?: WaitOptions): Promise<number>;
}

/** Asks others for a sign of life, and gives one to whoever asks. XEP-0199 */
export const ping: Service<Ping> = {
  name: 'ping',
  needs: [discoServer],
  create(host: ServiceHost): Ping {
    const { client } = host;
    host.defer(host.use(discoServer).addFeature(NS.ping));
    host.handle('get', NS.ping, 'ping', () => {});
    const ask = async (jid: JID | string, options?: WaitOptions) => {
      const since = performance.now();
      await client.request(el('iq', { type: 'get', to: jid }, el('ping', { xmlns: NS.ping })), options);
      return performance.now() - since;
    };
    return { ping: (jid = client.jid.domain, options) => tended(ask(jid, options)) };
  },
};
