import { setImmediate } from 'node:timers/promises';
import { type Client, createClient, xml } from '../../src/index.ts';
import type { Library, Session } from './library.ts';
import { BENCH, DOMAIN, HOST, PASSWORD, type Ports, ROMEO, USERNAME } from './protocol.ts';

class XstanzaSession implements Session {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  read(listener: (body: string | undefined) => void): void {
    this.#client.on('message', (message) => listener(message.body));
  }

  echo(): void {
    const client = this.#client;
    client.on('message', (message) => message.body && client.send(message.reply(message.body)));
  }

  send(body: string): void {
    this.#client.send(xml`<message to="${ROMEO}" type="chat"><body>${body}</body></message>`);
  }

  async sendMany(count: number, body: string): Promise<void> {
    for (let i = 0; i < count; i += 1) this.send(body);
    do await setImmediate();
    while (this.#client.delivery.queued > 0);
  }

  async settled(): Promise<void> {
    while (this.#client.delivery.unacked > 0) await setImmediate();
  }

  /** With the timeout that the other library has by default. */
  ping(): Promise<unknown> {
    const iq = xml`<iq type="get" to="${DOMAIN}"><ping xmlns="urn:xmpp:ping"/></iq>`;
    return this.#client.request(iq, { timeout: 30_000 });
  }

  command(name: string, count: number): Promise<unknown> {
    return this.#client.request(xml`<iq type="set"><task xmlns="${BENCH}" name="${name}" count="${count}"/></iq>`);
  }

  stop(): Promise<void> {
    return this.#client.stop();
  }
}

export const xstanza: Library = {
  async connect(kind: keyof Ports, port: number): Promise<Session> {
    const tls = kind === 'direct' || kind === 'starttls';
    const client = createClient({
      endpoints: [{ host: HOST, port, tls: kind === 'direct' ? 'direct' : 'starttls' }],
      ...(tls ? { jid: `${USERNAME}@${DOMAIN}`, password: PASSWORD } : { jid: DOMAIN, tls: 'off' }),
    });
    await client.start();
    return new XstanzaSession(client);
  },
};
