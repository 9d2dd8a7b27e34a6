/** A server in memory that lets anybody in, for tests of what a client does with stanzas and not with connections. */
import { type Client, createClient } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import { NS } from '../../src/namespaces.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { StreamParser } from '../../src/xml/parser.ts';
import { FakeSocket } from '../stream/socket.ts';
import { HEADER } from '../xml/transcript.ts';
import { idle } from './rig.ts';

const GREETING = HEADER.replace('>', ' id="x" version="1.0">');

export class FakeServer extends FakeSocket {
  /** What the client sent once it was bound. */
  readonly stanzas: Element[] = [];
  #parser = this.#newParser();
  #authenticated = false;

  override _write(chunk: Buffer, encoding: string, done: () => void): void {
    super._write(chunk, encoding, done);
    this.#parser.write(chunk);
  }

  #newParser(): StreamParser {
    return new StreamParser({
      header: () => this.receive(`${GREETING}<stream:features>${this.#features()}</stream:features>`),
      element: (element) => this.#hear(element),
      footer: () => {
        this.receive('</stream:stream>');
        this.receive(null);
      },
      error: (error) => this.destroy(error),
    });
  }

  #features(): string {
    if (this.#authenticated) return `<bind xmlns="${NS.bind}"/><sm xmlns="${NS.sm}"/>`;
    return `<mechanisms xmlns="${NS.sasl}"><mechanism>ANONYMOUS</mechanism></mechanisms>`;
  }

  #hear(element: Element): void {
    if (element.is('auth', NS.sasl)) {
      this.#authenticated = true;
      this.#parser = this.#newParser();
      this.say(el('success', { xmlns: NS.sasl }));
    } else if (element.find('bind', NS.bind)) {
      const bind = el('bind', { xmlns: NS.bind }, el('jid', {}, 'guest@example.org/x'));
      this.say(el('iq', { type: 'result', id: element.attr('id') }, bind));
    } else if (element.is('enable', NS.sm)) this.say(el('enabled', { xmlns: NS.sm }));
    else if (element.is('r', NS.sm)) this.say(el('a', { xmlns: NS.sm, h: this.stanzas.length }));
    else if (element.namespace === NS.client) this.stanzas.push(element);
  }

  /** Sends elements in one piece. */
  say(...elements: Element[]): void {
    this.receive(elements.join(''));
  }

  /** The next stanza that matches, or the first that did. */
  async heard(id: string): Promise<Element> {
    for (;;) {
      const found = this.stanzas.find((stanza) => stanza.attr('id') === id);
      if (found) return found;
      await idle();
    }
  }
}

/** A client of a server in memory, and what it reports of the application's errors. */
export function pair(options: Partial<ClientOptions> = {}): { client: Client; server: FakeServer; errors: unknown[] } {
  const server = new FakeServer();
  const client = createClient({
    jid: 'example.org',
    tls: 'off',
    endpoints: [{ host: 'a' }],
    connect: async () => server,
    ...options,
  });
  const errors: unknown[] = [];
  client.on('handlerError', ({ error }) => errors.push(error));
  return { client, server, errors };
}
