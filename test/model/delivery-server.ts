/**
 * The other side of stream management, as honest as it can be and no kinder than it has to be: a small server, and the books
 * it keeps of every session. It says what it has handled and nothing else, and notes whatever a client must not do.
 */
import { NS } from '../../src/namespaces.ts';
import { isStanzaName } from '../../src/stanza/stanza.ts';
import type { Acceptor, MemorySocket } from '../../src/testing/memory.ts';
import type { Element } from '../../src/xml/element.ts';
import { StreamParser } from '../../src/xml/parser.ts';
import { HEADER } from '../xml/transcript.ts';

export const DOMAIN = 'example.org';

const GREETING = HEADER.replace('>', ' id="x" version="1.0">');

const MODULUS = 2 ** 32;

/** What the server does when a session is asked back: `accept`, refuse with its count or without, or know no such thing. */
export type Answer = 'accept' | 'refuse with h' | 'refuse' | 'no sm';

/** The kinds of stanza that it sends; what an `odd` one means nobody knows, and it counts all the same. */
export type Kind = 'message' | 'iq' | 'odd';

/** One session, and all that went over it in both directions. Positions count from 0 and never wrap. */
export class Books {
  /** Names of the client's stanzas, by position, as they first came. */
  readonly received: string[] = [];
  /** How many of them are handled; those behind are forgotten when the connection is lost. */
  handled = 0;
  /** The server's own stanzas, by position. */
  readonly sent: string[] = [];
  /** How many of those the client has acknowledged. */
  acked = 0;
  /** How many the application behind the client was told of. */
  heard = 0;
  /** It cannot be resumed any more. */
  over = false;
  /** It will be refused with the count of what was handled. */
  refusedWithH = false;
  /** Why the client may not know what became of its last stanzas. */
  readonly excuses = new Set<string>();
  conversation: Conversation | null = null;
  readonly number: number;
  /** What both counters begin with. */
  readonly base: number;

  constructor(number: number, base: number) {
    this.number = number;
    this.base = base;
  }

  /** A count as it is on the wire. */
  h(count: number): number {
    return (this.base + count) % MODULUS;
  }

  /** The count that an `h` of the client stands for; it is no less than the last one and no more than there was to handle. */
  count(h: number): number {
    return this.acked + ((h - this.h(this.acked) + MODULUS) % MODULUS);
  }
}

export class HonestServer implements Acceptor {
  answer: Answer = 'accept';
  /** Handles a stanza and answers `<r/>` as soon as it is read; otherwise when it is told to. */
  eager = true;
  up = true;
  readonly sessions: Books[] = [];
  /** The names of the client's stanzas that were handled, in order, over all sessions. */
  readonly handled: string[] = [];
  /** What the client should not have done. */
  readonly violations: string[] = [];
  readonly #base: number;
  readonly #conversations = new Set<Conversation>();

  constructor(base: number) {
    this.#base = base;
  }

  accept(socket: MemorySocket): void {
    if (!this.up) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED', syscall: 'connect' });
    const conversation = new Conversation(this, socket);
    this.#conversations.add(conversation);
    socket.on('close', () => this.#conversations.delete(conversation));
  }

  /** The session that carries stanzas now. */
  get live(): Conversation | null {
    return this.sessions.at(-1)?.conversation ?? null;
  }

  begin(): Books {
    const books = new Books(this.sessions.length, this.#base);
    this.sessions.push(books);
    return books;
  }

  /** The client was told to stop: it may end the sessions and the streams there are. */
  expectEnd(): void {
    for (const books of this.sessions) books.excuses.add('stopped');
    for (const conversation of this.#conversations) conversation.mayEnd = true;
  }

  /** Forgets every session, and every connection with them. */
  restart(): void {
    for (const books of this.sessions) this.finish(books, 'restarted');
    for (const conversation of this.#conversations) conversation.retire();
  }

  finish(books: Books, excuse: string): void {
    if (books.over) return;
    books.excuses.add(excuse);
    this.close(books);
  }

  /** The session cannot be resumed any more, and nothing of it is handled from now on. */
  close(books: Books): void {
    books.over = true;
    books.conversation?.retire();
  }

  /** Handles so many more of the stanzas that were read in the session there is. */
  handle(count: number): void {
    const books = this.sessions.at(-1);
    if (books === undefined || books.conversation === null) return;
    const end = Math.max(books.handled, Math.min(books.handled + count, books.conversation.position));
    this.handled.push(...books.received.slice(books.handled, end));
    books.handled = end;
  }
}

/** One connection. */
class Conversation {
  readonly socket: MemorySocket;
  /** The position of the client's next stanza. */
  position = 0;
  /** Requests for an acknowledgement: those of the server and how many have been answered, and those of the client that wait. */
  asked = 0;
  answered = 0;
  owing = 0;
  /** The client was told to stop. */
  mayEnd = false;
  readonly #server: HonestServer;
  #parser = this.#newParser();
  #stage: 'login' | 'features' | 'bound' | 'open' = 'login';
  #books: Books | null = null;
  #offersSm = false;
  #finished = false;
  /** `<a/>` that nobody asked for has to be the last word. */
  #farewell = false;
  #requests = { resume: 0, enable: 0 };

  constructor(server: HonestServer, socket: MemorySocket) {
    this.#server = server;
    this.socket = socket;
    socket.on('data', (bytes) => this.#parser.write(bytes));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
    socket.on('close', () => this.retire());
  }

  /** Sends stanzas of the server. */
  say(kind: Kind, count: number): void {
    const books = this.#books;
    if (books === null) return;
    for (let i = 0; i < count; i += 1) {
      const text = stanza(kind, `${books.number}:${books.sent.length}`);
      books.sent.push(text);
      this.write(text);
    }
  }

  /** Asks for an acknowledgement. */
  ask(): void {
    this.asked += 1;
    this.write(`<r xmlns="${NS.sm}"/>`);
  }

  /** Acknowledges, once for every request and at least once. */
  acknowledge(): void {
    const books = this.#books;
    if (books === null) return;
    for (let left = Math.max(1, this.owing); left > 0; left -= 1) {
      this.write(`<a xmlns="${NS.sm}" h="${books.h(books.handled)}"/>`);
    }
    this.owing = 0;
  }

  /** Hears and says nothing more. */
  retire(): void {
    this.#finished = true;
    if (this.#books?.conversation === this) this.#books.conversation = null;
    this.socket.destroy();
  }

  write(text: string): void {
    if (this.socket.writable) this.socket.write(text);
  }

  #newParser(): StreamParser {
    return new StreamParser({
      header: () => this.write(`${GREETING}<stream:features>${this.#features()}</stream:features>`),
      element: (element) => this.#hear(element),
      footer: () => this.#footer(),
      error: (error) => this.#garbled(error.message),
    });
  }

  /** A client that gave up in the middle of negotiation may not know yet that a new stream had begun. */
  #garbled(message: string): void {
    if (this.#books !== null) this.#blame(`what is no XML: ${message}`);
    this.retire();
  }

  #blame(what: string): void {
    this.#server.violations.push(what);
  }

  #features(): string {
    if (this.#stage === 'login') return `<mechanisms xmlns="${NS.sasl}"><mechanism>ANONYMOUS</mechanism></mechanisms>`;
    this.#offersSm = this.#server.answer !== 'no sm';
    if (this.#offersSm) return `<bind xmlns="${NS.bind}"/><sm xmlns="${NS.sm}"/>`;
    for (const books of this.#server.sessions) books.excuses.add('not offered');
    return `<bind xmlns="${NS.bind}"/>`;
  }

  #hear(element: Element): void {
    if (this.#finished) return;
    if (this.#farewell) this.#blame(`C.8-24: <${element.name}/> behind an <a/> that was not asked for`);
    if (element.is('auth', NS.sasl)) {
      this.#stage = 'features';
      this.#parser = this.#newParser();
      this.write(`<success xmlns="${NS.sasl}"/>`);
    } else if (element.is('resume', NS.sm)) this.#resume(element);
    else if (element.find('bind', NS.bind)) {
      this.#stage = 'bound';
      // Whoever binds anew has given up what was before.
      for (const books of this.#server.sessions) this.#server.close(books);
      const id = element.attr('id');
      this.write(`<iq type="result" id="${id}"><bind xmlns="${NS.bind}"><jid>guest@${DOMAIN}/x</jid></bind></iq>`);
    } else if (element.is('enable', NS.sm)) this.#enable();
    else if (element.namespace === NS.sm) this.#manage(element);
    else if (element.namespace === NS.client && isStanzaName(element.name)) this.#stanza(element);
    else if (!element.is('abort', NS.sasl) && !isTimeout(element)) this.#blame(`${element}`);
  }

  /** C.8-25: what is held and can be resumed is asked back, and once only. */
  #resume(element: Element): void {
    const server = this.#server;
    this.#requests.resume += 1;
    if (this.#stage !== 'features' || this.#requests.resume > 1) this.#blame('C.8-25: <resume/> out of turn');
    if (!this.#offersSm) this.#blame('C.8-25: <resume/> without an offer');
    const books = server.sessions.find(({ number }) => `sm-${number}` === element.attr('previd'));
    if (books === undefined) this.#blame('C.8-25: <resume/> of a session that never was');
    else if (!this.#isPlausible(books, element)) return;
    else if (server.answer === 'accept' && !books.over) {
      books.conversation?.retire();
      this.#adopt(books);
      this.position = books.handled;
      books.acked = books.count(Number(element.attr('h')));
      const again = books.sent.slice(books.acked).join('');
      this.write(`<resumed xmlns="${NS.sm}" previd="sm-${books.number}" h="${books.h(books.handled)}"/>${again}`);
    } else {
      if (!books.over && server.answer === 'refuse with h') books.refusedWithH = true;
      if (!books.refusedWithH) books.excuses.add('refused');
      server.close(books);
      const h = books.refusedWithH ? ` h="${books.h(books.handled)}"` : '';
      this.write(`<failed xmlns="${NS.sm}"${h}><item-not-found xmlns="${NS.stanzaErrors}"/></failed>`);
    }
  }

  #enable(): void {
    this.#requests.enable += 1;
    if (this.#stage !== 'bound' || this.#requests.enable > 1) this.#blame('C.8-25: <enable/> out of turn');
    const books = this.#server.begin();
    this.#adopt(books);
    this.write(`<enabled xmlns="${NS.sm}" id="sm-${books.number}" resume="true"/>`);
  }

  #adopt(books: Books): void {
    this.#stage = 'open';
    this.#books = books;
    books.conversation = this;
  }

  #manage(element: Element): void {
    const books = this.#books;
    if (books === null) {
      this.#blame(`<${element.name}/> without stream management`);
    } else if (element.name === 'r') {
      this.owing += 1;
      if (this.#server.eager) this.acknowledge();
    } else if (element.name === 'a') {
      if (this.#isPlausible(books, element)) books.acked = books.count(Number(element.attr('h')));
      if (this.answered < this.asked) this.answered += 1;
      else this.#farewell = true;
    } else this.#blame(`<${element.name}/>`);
  }

  /** C.8-21: a client acknowledges what its application was told of, and never less than before. */
  #isPlausible(books: Books, element: Element): boolean {
    const count = books.count(Number(element.attr('h')));
    if (count <= books.heard) return true;
    this.#blame(`C.8-21: <${element.name}/> of ${count} stanzas when ${books.heard} were heard, after ${books.acked}`);
    return false;
  }

  /** C.8-16, C.8-17, C.8-23: a position belongs to one stanza, however often it is sent. */
  #stanza(element: Element): void {
    const books = this.#books;
    const name = element.attr('id') ?? '';
    if (this.#stage !== 'open' || books === null) {
      if (this.#stage !== 'bound' || this.#offersSm) this.#blame(`C.8-16: ${name} before there was a session`);
      // Without stream management what is read is handled, and nobody is told.
      else this.#server.handled.push(name);
      return;
    }
    const before = books.received[this.position];
    if (before === undefined) books.received.push(name);
    else if (before !== name) this.#blame(`C.8-23: ${name} in the place of ${before}`);
    this.position += 1;
    if (this.#server.eager) this.#server.handle(Number.POSITIVE_INFINITY);
  }

  #footer(): void {
    const books = this.#books;
    // It may have waited too long for <enabled/>, and there is nothing yet that could be lost.
    const isFresh = this.#requests.enable > 0 && this.position === 0 && books?.acked === 0;
    if (books !== null && !this.mayEnd && !isFresh) this.#blame('a client that was not told to stop ended its session');
    if (books !== null) {
      if (this.#server.eager) this.acknowledge();
      books.over = true;
      books.excuses.add('stopped');
    }
    this.#finished = true;
    this.write('</stream:stream>');
    this.socket.end();
  }
}

/** A client that has waited too long for an answer says so. */
function isTimeout(element: Element): boolean {
  return element.is('error', NS.stream) && element.find('connection-timeout', NS.streamErrors) !== undefined;
}

function stanza(kind: Kind, name: string): string {
  if (kind === 'message') return `<message id="${name}"><body>${name}</body></message>`;
  if (kind === 'odd') return `<presence id="${name}" type="odd"/>`;
  return `<iq id="${name}" type="get"><query xmlns="${QUERY}"/></iq>`;
}

/** The namespace of its requests. */
export const QUERY = 'urn:example:query';
