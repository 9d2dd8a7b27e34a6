/** `@xmpp/client`, installed beside the sources of this folder and nowhere else; it has no types. */
import { createRequire } from 'node:module';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Library, Session } from './library.ts';
import { BENCH, DOMAIN, HOST, INSTALLED, PASSWORD, type Ports, ROMEO, USERNAME } from './protocol.ts';

// biome-ignore lint/suspicious/noExplicitAny: there is nothing to check its use against
type Untyped = any;

const { client, xml }: Untyped = await import(pathToFileURL(createRequire(INSTALLED).resolve('@xmpp/client')).href);

/** Milliseconds between two looks at what it has no event for. */
const PAUSE = 5;

class XmppSession implements Session {
  readonly #entity: Untyped;

  constructor(entity: Untyped) {
    this.#entity = entity;
  }

  read(listener: (body: string | undefined) => void): void {
    this.#entity.on('stanza', (stanza: Untyped) => {
      if (stanza.is('message')) listener(stanza.getChildText('body'));
    });
  }

  echo(): void {
    this.#entity.on('stanza', (stanza: Untyped) => {
      if (!stanza.is('message')) return;
      const { from, type } = stanza.attrs;
      this.#entity.send(xml('message', { to: from, type }, xml('body', {}, stanza.getChildText('body'))));
    });
  }

  send(body: string): Promise<unknown> {
    return this.#entity.send(xml('message', { to: ROMEO, type: 'chat' }, xml('body', {}, body)));
  }

  sendMany(count: number, body: string): Promise<unknown> {
    return Promise.all(Array.from({ length: count }, () => this.send(body)));
  }

  async settled(): Promise<void> {
    while (this.#entity.streamManagement.outbound_q.length > 0) await setTimeout(PAUSE);
  }

  ping(): Promise<unknown> {
    return this.#entity.iqCaller.request(xml('iq', { type: 'get', to: DOMAIN }, xml('ping', 'urn:xmpp:ping')));
  }

  command(name: string, count: number): Promise<unknown> {
    const task = xml('task', { xmlns: BENCH, name, count: String(count) });
    return this.#entity.iqCaller.request(xml('iq', { type: 'set' }, task));
  }

  stop(): Promise<unknown> {
    return this.#entity.stop();
  }
}

export const xmpp: Library = {
  async connect(kind: keyof Ports, port: number): Promise<Session> {
    const tls = kind === 'direct' || kind === 'starttls';
    const entity = client({
      service: `${kind === 'direct' ? 'xmpps' : 'xmpp'}://${HOST}:${port}`,
      domain: DOMAIN,
      ...(tls && { username: USERNAME, password: PASSWORD }),
    });
    // It emits what went wrong, and does not always reject.
    entity.on('error', (error: Error) => {
      throw error;
    });
    await entity.start();
    while (kind !== 'plain' && !entity.streamManagement.enabled) await setImmediate();
    return new XmppSession(entity);
  },
};
