/** `@xmpp/client`, installed beside the sources of this folder and nowhere else; it has no types. */
import { createRequire } from 'node:module';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Library } from './library.ts';
import { BENCH, DOMAIN, HOST, INSTALLED, PASSWORD, ROMEO, USERNAME } from './protocol.ts';

// biome-ignore lint/suspicious/noExplicitAny: there is nothing to check its use against
type Untyped = any;

const { client, xml }: Untyped = await import(pathToFileURL(createRequire(INSTALLED).resolve('@xmpp/client')).href);

/** Milliseconds between two looks at what it has no event for. */
const PAUSE = 5;

export const xmpp: Library = {
  async connect(kind, port) {
    const tls = kind === 'direct' || kind === 'starttls';
    const entity = client({
      service: `${kind === 'direct' ? 'xmpps' : 'xmpp'}://${HOST}:${port}`,
      domain: DOMAIN,
      ...(tls && { username: USERNAME, password: PASSWORD }),
    });
    const { iqCaller, streamManagement } = entity;
    const failed = new Promise<never>((_, reject) => entity.on('error', reject));
    failed.catch(() => {});
    await Promise.race([entity.start(), failed]);
    while (kind !== 'plain' && !streamManagement.enabled) await setImmediate();
    const send = (body: string) => entity.send(xml('message', { to: ROMEO, type: 'chat' }, xml('body', {}, body)));
    return {
      read: (listener) =>
        entity.on('stanza', (stanza: Untyped) => {
          if (stanza.is('message')) listener(stanza.getChildText('body'));
        }),
      echo: () =>
        entity.on('stanza', (stanza: Untyped) => {
          if (!stanza.is('message')) return;
          const { from, type } = stanza.attrs;
          entity.send(xml('message', { to: from, type }, xml('body', {}, stanza.getChildText('body'))));
        }),
      send,
      sendMany: (count, body) => Promise.all(Array.from({ length: count }, () => send(body))),
      settled: async () => {
        while (streamManagement.outbound_q.length > 0) await setTimeout(PAUSE);
      },
      ping: () => iqCaller.request(xml('iq', { type: 'get', to: DOMAIN }, xml('ping', 'urn:xmpp:ping'))),
      command: (name, count) =>
        iqCaller.request(xml('iq', { type: 'set' }, xml('task', { xmlns: BENCH, name, count: String(count) }))),
      stop: () => entity.stop(),
    };
  },
};
