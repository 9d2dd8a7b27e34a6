import { setImmediate } from 'node:timers/promises';
import { createClient, xml } from '../../src/index.ts';
import type { Library } from './library.ts';
import { BENCH, DOMAIN, HOST, PASSWORD, ROMEO, USERNAME } from './protocol.ts';

export const xstanza: Library = {
  async connect(kind, port) {
    const tls = kind === 'direct' || kind === 'starttls';
    const client = createClient({
      endpoints: [{ host: HOST, port, tls: kind === 'direct' ? 'direct' : 'starttls' }],
      ...(tls ? { jid: `${USERNAME}@${DOMAIN}`, password: PASSWORD } : { jid: DOMAIN, tls: 'off' }),
    });
    await client.start();
    const send = (body: string) => client.send(xml`<message to="${ROMEO}" type="chat"><body>${body}</body></message>`);
    return {
      read: (listener) => client.on('message', (message) => listener(message.body)),
      echo: () => client.on('message', (message) => message.body && client.send(message.reply(message.body))),
      send,
      sendMany: async (count, body) => {
        for (let i = 0; i < count; i += 1) send(body);
        do await setImmediate();
        while (client.delivery.queued > 0);
      },
      settled: async () => {
        while (client.delivery.unacked > 0) await setImmediate();
      },
      ping: () =>
        client.request(xml`<iq type="get" to="${DOMAIN}"><ping xmlns="urn:xmpp:ping"/></iq>`, { timeout: 30_000 }),
      command: (name, count) =>
        client.request(xml`<iq type="set"><task xmlns="${BENCH}" name="${name}" count="${count}"/></iq>`),
      stop: () => client.stop(),
    };
  },
};
