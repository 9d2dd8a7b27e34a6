/** An XMPP stream by hand: text out, text in, no client. Shows what a server says without asking ours to understand it. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import * as tls from 'node:tls';
import type { KeyPair, Ports, RealServer } from './servers.ts';

interface Wishes {
  /** One of `server.hosts`; its domain by default. */
  readonly host?: string;
  readonly certificate?: KeyPair;
}

export class RawStream {
  readonly #host: string;
  #socket: Socket;
  #text = '';
  #wake: () => void = () => {};

  private constructor(socket: Socket, host: string) {
    this.#host = host;
    this.#socket = socket;
    this.#listen();
  }

  /**
   * Opens a stream and brings it up to the features under TLS: at once on the direct port, without any on the clear one,
   * by STARTTLS on the others. The certificate is verified against the host.
   */
  static async open(
    server: RealServer,
    port: keyof Ports,
    wishes: Wishes = {},
  ): Promise<[RawStream, features: string]> {
    const { host = server.domain, certificate } = wishes;
    const terms = {
      servername: host,
      ca: server.ca,
      ...(certificate && { cert: certificate.cert, key: certificate.key }),
    };
    const address = { host: '127.0.0.1', port: server.ports[port] };
    const secured = async (socket: tls.TLSSocket) => {
      await once(socket, 'secureConnect');
      return socket;
    };
    if (port === 'direct') {
      const stream = new RawStream(await secured(tls.connect({ ...address, ...terms })), host);
      return [stream, await stream.features()];
    }
    const socket = connect(address);
    await once(socket, 'connect');
    const stream = new RawStream(socket, host);
    const features = await stream.features();
    if (port === 'clear') return [stream, features];
    await stream.ask("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", /<proceed/);
    socket.removeAllListeners();
    stream.#socket = await secured(tls.connect({ socket, ...terms }));
    stream.#listen();
    return [stream, await stream.features()];
  }

  /** Sends a stream header and waits for the features. */
  features(): Promise<string> {
    const namespaces = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
    return this.ask(`<stream:stream ${namespaces} version='1.0' to='${this.#host}'>`, /<\/stream:features>/);
  }

  /**
   * Logs in by SASL and binds a resource.
   *
   * @returns The full JID.
   * @throws Error with the server's answer when it refuses.
   */
  async login(mechanism: 'PLAIN' | 'EXTERNAL' | 'ANONYMOUS', initial: string): Promise<string> {
    const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${initial}</auth>`;
    const verdict = await this.ask(auth, /<success|<\/failure>/);
    if (!verdict.includes('<success')) throw new Error(verdict);
    await this.features();
    const bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    return /<jid>(.+)<\/jid>/.exec(await this.ask(bind, /<\/iq>/))?.[1] ?? '';
  }

  /** Sends text and waits for an answer. */
  ask(text: string, answer: RegExp): Promise<string> {
    this.send(text);
    return this.until(answer);
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** Whether this has arrived since the last wait. */
  has(answer: RegExp): boolean {
    return answer.test(this.#text);
  }

  /** Waits for an answer and gives all that has arrived since the last wait; throws when the connection ends before. */
  async until(answer: RegExp): Promise<string> {
    while (!this.has(answer)) {
      if (this.#socket.destroyed) throw new Error(`closed after: ${this.#text}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const text = this.#text;
    this.#text = '';
    return text;
  }

  /** Waits until the server has closed the connection; gives its last words. */
  async closed(): Promise<string> {
    if (!this.#socket.destroyed) await once(this.#socket, 'close');
    return this.#text;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (chunk: string) => {
      this.#text += chunk;
      this.#wake();
    });
    this.#socket.on('error', () => {}).on('close', () => this.#wake());
  }
}
