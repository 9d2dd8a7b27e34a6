/**
 * The server that clients are measured against, a process of its own: it writes prepared bytes as fast as they are taken
 * and looks at what comes in just enough to answer. One account, no routing; what it should do it is asked by IQ:
 *
 *     <task xmlns="urn:xstanza:bench" name="pour" count="1000"/>   1000 messages, then the result
 *     <task xmlns="urn:xstanza:bench" name="echo" count="1000"/>   1000 messages, and the result once as many came back
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { SaltedPasswordCache } from '../../src/sasl/salted-password.ts';
import { sharedCertificates } from '../../src/testing/certificates.ts';
import { createServerMechanism, type ServerMechanism } from '../../src/testing/sasl.ts';
import { DOMAIN, HOST, PASSWORD, type Ports, type Ready, ROMEO, USERNAME } from './protocol.ts';

const MESSAGE =
  `<message from="${ROMEO}" to="${USERNAME}@${DOMAIN}/balcony" type="chat" id="cd9e1c4b-27">` +
  '<body>But, soft! what light through yonder window breaks?</body>' +
  '<active xmlns="http://jabber.org/protocol/chatstates"/></message>';
const REQUEST_ACK = '<r xmlns="urn:xmpp:sm:3"/>';

/** Messages in one write. */
const PORTION = 200;
/** Messages after which a client is asked what it has. */
const ACK_EVERY = 10;

const TAG = /<(\/?stream:stream|starttls|auth|response|iq|bind|ping|task|message|enable|r|a)(?=[\s/>])([^>]*)>/g;

interface Settings {
  readonly tls: 'off' | 'starttls' | 'direct';
  readonly managed: boolean;
}

class Peer {
  readonly #settings: Settings;
  readonly #context: SecureContext;
  #socket: Socket;
  /** What came of a tag that is not complete. */
  #rest = '';
  #out = '';
  #authenticated = false;
  #mechanism: ServerMechanism | null = null;
  /** What the answer to the request being read says in its tag. */
  #addressed = '';
  /** Stanzas that count for stream management, once it is on. */
  #handled = 0;
  #counting = false;
  /** Messages still to come back, and the request to answer then. */
  #owed: { count: number; readonly addressed: string } | null = null;

  constructor(socket: Socket, settings: Settings, context: SecureContext) {
    this.#settings = settings;
    this.#context = context;
    this.#socket = socket;
    socket.setNoDelay(true);
    if (settings.tls === 'direct') this.#secure();
    else this.#listen(socket);
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')));
    socket.on('error', () => socket.destroy());
  }

  #secure(): void {
    this.#socket.removeAllListeners('data');
    const options = { isServer: true, secureContext: this.#context, ALPNProtocols: ['xmpp-client'] };
    this.#listen(new TLSSocket(this.#socket, options));
  }

  #read(chunk: string): void {
    const text = this.#rest + chunk;
    const open = text.lastIndexOf('<');
    const end = text.indexOf('>', open) < 0 ? open : text.length;
    this.#rest = text.slice(end);
    const complete = text.slice(0, end);
    TAG.lastIndex = 0;
    for (let match = TAG.exec(complete); match !== null; match = TAG.exec(complete)) {
      const [, name, attributes = ''] = match;
      // No client sends anything behind these before it has the answer.
      if (name === 'auth' || name === 'response') {
        void this.#authenticate(complete.slice(match.index), attributes);
        return;
      }
      if (name === 'starttls') {
        this.#proceed();
        return;
      }
      this.#take(name as string, attributes);
    }
    this.#flush();
  }

  #take(name: string, attributes: string): void {
    switch (name) {
      case 'stream:stream':
        this.#out +=
          `<?xml version="1.0"?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" ` +
          `id="bench" from="${DOMAIN}" version="1.0"><stream:features>${this.#features()}</stream:features>`;
        break;
      case '/stream:stream':
        this.#out += '</stream:stream>';
        this.#flush();
        this.#socket.end();
        break;
      case 'enable':
        this.#counting = true;
        this.#out += '<enabled xmlns="urn:xmpp:sm:3" id="bench" resume="true" max="300"/>';
        break;
      case 'r':
        this.#out += `<a xmlns="urn:xmpp:sm:3" h="${this.#handled}"/>`;
        break;
      case 'message':
        if (this.#counting) this.#handled += 1;
        this.#returned();
        break;
      case 'iq':
        if (this.#counting) this.#handled += 1;
        this.#addressed = `id="${attribute(attributes, 'id')}"`;
        if (attributes.includes(' to=')) this.#addressed += ` from="${attribute(attributes, 'to')}"`;
        break;
      case 'bind':
        this.#result(
          this.#addressed,
          `<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>${USERNAME}@${DOMAIN}/balcony</jid></bind>`,
        );
        break;
      case 'ping':
        this.#result(this.#addressed);
        break;
      case 'task':
        this.#task(attribute(attributes, 'name'), Number(attribute(attributes, 'count')));
    }
  }

  #features(): string {
    const { tls, managed } = this.#settings;
    if (this.#authenticated) {
      return `<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>${managed ? '<sm xmlns="urn:xmpp:sm:3"/>' : ''}`;
    }
    if (tls === 'starttls' && !(this.#socket instanceof TLSSocket)) {
      return '<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><required/></starttls>';
    }
    const mechanism = tls === 'off' ? 'ANONYMOUS' : 'SCRAM-SHA-1';
    return `<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>${mechanism}</mechanism></mechanisms>`;
  }

  #proceed(): void {
    this.#socket.write('<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>');
    this.#secure();
  }

  async #authenticate(element: string, attributes: string): Promise<void> {
    this.#mechanism ??= createServerMechanism(attribute(attributes, 'mechanism'), {
      password: () => PASSWORD,
      binding: () => undefined,
      cache,
    });
    const content = element.slice(element.indexOf('>') + 1, element.indexOf('</'));
    const data = content === '' || content === '=' ? null : Buffer.from(content, 'base64');
    const outcome = await this.#mechanism.step(data ?? new Uint8Array());
    if ('challenge' in outcome) this.#sasl('challenge', outcome.challenge);
    else if ('success' in outcome) {
      this.#authenticated = true;
      this.#sasl('success', outcome.success);
    } else this.#out += `<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><${outcome.failure}/></failure>`;
    this.#flush();
  }

  #sasl(name: string, data: Uint8Array | null): void {
    const content = Buffer.from(data ?? []).toString('base64');
    this.#out += `<${name} xmlns="urn:ietf:params:xml:ns:xmpp-sasl">${content}</${name}>`;
  }

  #result(addressed: string, payload = ''): void {
    this.#out += `<iq type="result" ${addressed}>${payload}</iq>`;
  }

  #task(name: string, count: number): void {
    if (name === 'echo') this.#owed = { count, addressed: this.#addressed };
    void this.#pour(count, name === 'echo' ? null : this.#addressed);
  }

  #returned(): void {
    if (this.#owed === null) return;
    this.#owed.count -= 1;
    if (this.#owed.count > 0) return;
    this.#result(this.#owed.addressed);
    this.#owed = null;
  }

  async #pour(count: number, addressed: string | null): Promise<void> {
    for (let left = count; left > 0 && !this.#socket.destroyed; left -= PORTION) {
      const portion = left >= PORTION ? portions[+this.#counting] : portionOf(left, this.#counting);
      if (!this.#socket.write(portion as Buffer)) await once(this.#socket, 'drain').catch(() => {});
    }
    if (addressed !== null) this.#result(addressed);
    this.#flush();
  }

  #flush(): void {
    if (this.#out !== '') this.#socket.write(this.#out);
    this.#out = '';
  }
}

function attribute(attributes: string, name: string): string {
  return new RegExp(` ${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
}

function portionOf(count: number, managed: boolean): Buffer {
  const messages = Array.from({ length: count }, (_, i) =>
    managed && i % ACK_EVERY === ACK_EVERY - 1 ? MESSAGE + REQUEST_ACK : MESSAGE,
  );
  return Buffer.from(messages.join(''), 'latin1');
}

const portions = [portionOf(PORTION, false), portionOf(PORTION, true)];
const cache = new SaltedPasswordCache();

async function listen(settings: Settings, context: SecureContext): Promise<number> {
  const server = createServer((socket) => new Peer(socket, settings, context));
  server.listen(0, HOST);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const { ca, cert, key } = await sharedCertificates();
const context = createSecureContext({ cert, key });
const ports: Ports = {
  plain: await listen({ tls: 'off', managed: false }, context),
  managed: await listen({ tls: 'off', managed: true }, context),
  starttls: await listen({ tls: 'starttls', managed: true }, context),
  direct: await listen({ tls: 'direct', managed: true }, context),
};
process.once('disconnect', () => process.exit());
process.send?.({ ports, ca } satisfies Ready);
