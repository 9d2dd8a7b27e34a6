/** A client that does what a test says and nothing by itself: sockets of Node, the codec, and the mechanisms of SASL. */
import { createHash, type X509Certificate } from 'node:crypto';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { createMechanism } from '../../src/sasl/mechanisms.ts';
import type { Element } from '../../src/xml/element.ts';
import { ONLINE_LIMITS, StreamParser } from '../../src/xml/parser.ts';

const HEADER = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'`;

export interface LoginOptions {
  username?: string;
  password?: string;
  mechanism?: string;
  gs2?: 'y' | 'n';
  binding?: 'tls-exporter' | 'tls-server-end-point' | 'tls-unique';
}

export class RawClient {
  readonly domain: string;
  /** How many bytes each chunk had. */
  readonly chunks: number[] = [];
  /** Everything received on the present stream. */
  text = '';
  /** Resolves with `fin` or the code of the error when the server is gone. */
  readonly gone: Promise<string>;
  header!: Element;
  features!: Element;
  #socket: net.Socket;
  #parser!: StreamParser;
  #items: Element[] = [];
  #waiting: ((item: Element) => void)[] = [];
  #ended: (how: string) => void = () => {};

  private constructor(socket: net.Socket, domain: string) {
    this.#socket = socket;
    this.domain = domain;
    this.gone = new Promise((resolve) => {
      this.#ended = resolve;
    });
    this.#attach(socket);
  }

  static async tcp(port: number, domain = 'localhost'): Promise<RawClient> {
    const socket = net.connect({ port, host: '127.0.0.1' });
    const client = new RawClient(socket, domain);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return client;
  }

  static async direct(port: number, options: tls.ConnectionOptions, domain = 'localhost'): Promise<RawClient> {
    const socket = tls.connect({ port, host: '127.0.0.1', servername: domain, ...options });
    const client = new RawClient(socket, domain);
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return client;
  }

  get tls(): tls.TLSSocket {
    if (!(this.#socket instanceof tls.TLSSocket)) throw new Error('not encrypted');
    return this.#socket;
  }

  get socket(): net.Socket {
    return this.#socket;
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** The next element of the stream. */
  next(): Promise<Element> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item);
  }

  async expect(name: string): Promise<Element> {
    const element = await this.next();
    if (element.name !== name) throw new Error(`expected ${name}, got ${element}`);
    return element;
  }

  /** Begins a stream and waits for nothing. */
  begin(attrs = ''): void {
    this.#newParser();
    this.write(`${HEADER} to='${this.domain}'${attrs}>`);
  }

  /** Begins a stream; the features are there when it resolves. */
  async open(attrs = ''): Promise<Element> {
    this.begin(attrs);
    this.header = await this.expect('stream');
    this.features = await this.expect('features');
    return this.features;
  }

  async startTls(options: tls.ConnectionOptions): Promise<void> {
    this.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await this.expect('proceed');
    await this.handshake(options);
  }

  async handshake(options: tls.ConnectionOptions): Promise<void> {
    const raw = this.#socket;
    raw.removeAllListeners('data').removeAllListeners('end').removeAllListeners('error');
    const socket = tls.connect({ socket: raw, servername: this.domain, ...options });
    this.#socket = socket;
    this.#attach(socket);
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  }

  /** Authenticates; the name and condition of what the server said last. */
  async authenticate(options: LoginOptions = {}): Promise<string> {
    const { username = 'romeo', password = 'secret', mechanism = 'PLAIN', gs2 = 'n', binding } = options;
    const data = binding && this.#binding(binding);
    const sasl = createMechanism(mechanism, {
      username,
      password,
      binding: data && binding ? { type: binding, data } : null,
      gs2: data ? 'p' : gs2,
    });
    const initial = await sasl.start();
    const text = initial === null ? '' : Buffer.from(initial).toString('base64') || '=';
    this.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${text}</auth>`);
    for (;;) {
      const answer = await this.next();
      const bytes = Buffer.from(answer.text === '=' ? '' : answer.text, 'base64');
      if (answer.name === 'challenge') {
        const response = Buffer.from(await sasl.respond(bytes)).toString('base64');
        this.write(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${response}</response>`);
      } else if (answer.name === 'success') {
        await sasl.verify(answer.text === '' ? null : bytes);
        return 'success';
      } else return `${answer.name} ${answer.elements[0]?.name}`;
    }
  }

  /** From the socket to the features after authentication. */
  async login(ca: string, options: LoginOptions = {}): Promise<void> {
    if ((await this.open()).find('starttls', '*') && !(this.#socket instanceof tls.TLSSocket)) {
      await this.startTls({ ca });
      await this.open();
    }
    const said = await this.authenticate(options);
    if (said !== 'success') throw new Error(said);
    await this.open();
  }

  /** Binds; the full JID. */
  async bind(resource?: string): Promise<string> {
    const wish = resource === undefined ? '' : `<resource>${resource}</resource>`;
    this.write(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${wish}</bind></iq>`);
    const answer = await this.expect('iq');
    return answer.find('bind', '*')?.find('jid')?.text ?? String(answer);
  }

  enable(attrs = "resume='true'"): Promise<Element> {
    this.write(`<enable xmlns='urn:xmpp:sm:3' ${attrs}/>`);
    return this.next();
  }

  resume(previd: string, h: number): Promise<Element> {
    this.write(`<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='${h}'/>`);
    return this.next();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Closes the socket and waits until it is. */
  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket.closed) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy();
    await closed;
  }

  #binding(type: NonNullable<LoginOptions['binding']>): Buffer {
    if (type === 'tls-exporter') return this.tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    if (type === 'tls-unique') return this.tls.getFinished() ?? Buffer.alloc(0);
    const certificate = this.tls.getPeerX509Certificate() as X509Certificate;
    return createHash('sha256').update(certificate.raw).digest();
  }

  #attach(socket: net.Socket): void {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk.length);
      this.text += chunk.toString();
      this.#parser?.write(chunk);
    });
    socket.on('end', () => this.#ended('fin'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#ended(error.code ?? error.message));
  }

  #newParser(): void {
    this.text = '';
    this.#parser = new StreamParser(
      {
        header: (root) => this.#push(root),
        element: (element) => this.#push(element),
        footer: () => this.#push(Object.assign(Object.create(null), { name: '/stream', toString: () => '</stream>' })),
        error: (error) => this.#ended(error.condition),
      },
      ONLINE_LIMITS,
    );
  }

  #push(item: Element): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter(item);
  }
}
