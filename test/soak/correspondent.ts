/**
 * An application, twenty of which write to each other: it numbers its letters, and a letter is done when the receipt has come
 * (XEP-0184). It writes a letter again when the client says that it did not arrive or may not have, when the server sends it
 * back, and when no receipt comes for long; who receives a letter again gives another receipt, and reads it once. So whatever
 * becomes of sessions and servers, every letter has to be read in the end.
 *
 * Letters and receipts, first or again, are each one `send`, and in the books for themselves. Nobody sets a presence: so no server
 * keeps what it cannot deliver for a later session, and nothing may ever arrive twice.
 */
import { type Client, type Crossing, createClient, type Element, el, type InspectedClient } from '../../src/index.ts';
import type { Chance } from '../chance.ts';
import { PASSWORD } from '../servers/people.ts';
import type { RealServer } from '../servers/servers.ts';
import { Books, type FaultKind, Party } from './books.ts';
import type { Cable } from './cable.ts';

const NS_RECEIPTS = 'urn:xmpp:receipts';

/** Milliseconds between an acknowledged letter and the decision that its receipt will not come. */
const OVERDUE = 8_000;

/** Letters without a receipt, beyond which no new ones are written. */
const WINDOW = 40;

/** Crossings of the wire that are remembered. */
const MEMORY = 300;

/** What happened, in numbers; all correspondents have one in common. */
export const emptyTally = () => ({
  letters: 0,
  again: 0,
  receipts: 0,
  read: 0,
  /** Letters that had been read already. */
  repeats: 0,
  sent: 0,
  received: 0,
  acked: 0,
  unconfirmed: 0,
  toldLost: 0,
  failed: 0,
  bounced: 0,
  suspended: 0,
  resumed: 0,
  sessions: 0,
  /** Runs that ended by themselves. */
  ended: 0,
  /** What a client could make no sense of, and what went wrong in here. */
  invalid: 0,
});

export type Tally = ReturnType<typeof emptyTally>;

/** A letter without a receipt. */
interface Letter {
  readonly letter: number;
  /** The number of the latest `send`. */
  sending: number;
  /** When the server took it; null before. */
  takenAt: number | null;
}

/** What one correspondent and another have to do with each other, seen from the first. */
class Pen {
  readonly friend: Correspondent;
  readonly books: Books;
  /** Letters without a receipt, by number. */
  readonly waiting = new Map<number, Letter>();
  /** Letters to be written again. */
  readonly again = new Set<Letter>();
  written = 0;
  /** Letters that the friend wrote, and that were read: all up to a number, and some beyond. */
  readTo = 0;
  readonly readBeyond = new Set<number>();

  constructor(friend: Correspondent, books: Books) {
    this.friend = friend;
    this.books = books;
  }

  /** Marks a letter of the friend as read; returns whether it was not. */
  read(letter: number): boolean {
    if (letter <= this.readTo || this.readBeyond.has(letter)) return false;
    this.readBeyond.add(letter);
    while (this.readBeyond.delete(this.readTo + 1)) this.readTo += 1;
    return true;
  }
}

/** What must not be, or may turn out to be so. */
export interface Fault {
  readonly kind: FaultKind | 'suspect';
  readonly number: number;
  readonly between: readonly [from: Correspondent, to: Correspondent];
}

export interface Seat {
  readonly name: string;
  readonly server: RealServer;
  readonly cable: Cable;
  readonly random: Chance;
  readonly tally: Tally;
  /** Passes stanzas through filters that take their time. */
  readonly slowly: boolean;
}

export class Correspondent {
  readonly party: Party;
  readonly client: Client;
  readonly cable: Cable;
  readonly jid: string;
  /** What crossed the wire of late, and the events of the lifecycle. */
  readonly history: string[] = [];
  readonly #random: Chance;
  readonly #tally: Tally;
  readonly #pens = new Map<string, Pen>();
  #ending = false;

  constructor({ name, server, cable, random, tally, slowly }: Seat) {
    this.party = new Party(name);
    this.cable = cable;
    this.jid = `${name}@${server.domain}/soak`;
    this.#random = random;
    this.#tally = tally;
    this.client = createClient({
      jid: this.jid,
      password: PASSWORD,
      ca: server.ca,
      endpoints: [{ host: '127.0.0.1', port: cable.port }],
      resolveSrv: async () => [],
      backoff: { start: 100, factor: 2, cap: 1_000 },
      liveness: { idle: 3_000, answer: 2_000 },
      negotiationTimeout: 4_000,
      maxInitialAttempts: null,
      inspect: Object.assign(() => {}, {
        client: (inspected: InspectedClient) => inspected.tap((crossing) => this.#crossed(crossing)),
      }),
    });
    this.#listen();
    if (slowly) {
      const slow = async (stanza: Element) => {
        await new Promise((resolve) => setTimeout(resolve, random.whole(0, 20)));
        return stanza;
      };
      this.client.filter('inbound', slow);
      this.client.filter('outbound', slow);
    }
  }

  #listen(): void {
    const { client, party } = this;
    const tally = this.#tally;
    client.on('established', () => {
      party.session += 1;
      tally.sessions += 1;
      this.#note('established');
    });
    client.on('destroyed', () => {
      party.session += 1;
      this.#note('destroyed');
    });
    client.on('suspended', () => {
      tally.suspended += 1;
      this.#note('suspended');
    });
    client.on('resumed', () => {
      tally.resumed += 1;
      this.#note('resumed');
    });
    client.on('failure', ({ failure }) => {
      tally.ended += 1;
      this.#note(`failure ${JSON.stringify(failure)}`);
      if (!this.#ending) this.start();
    });
    for (const type of ['invalid', 'handlerError'] as const) {
      client.on(type, (event) => {
        tally.invalid += 1;
        this.#note(`${type} ${JSON.stringify(event)}`);
      });
    }
    client.on('message', ({ type, id, from, element }) => {
      const pen = this.#pens.get(from?.local ?? '');
      if (pen === undefined) throw new Error(`a message from ${from}`);
      if (type === 'error') this.#bounced(pen, Number(id));
      else this.#receive(pen, Number(id), element);
    });
  }

  start(): void {
    this.client.start().catch(() => {});
  }

  async stop(): Promise<void> {
    this.#ending = true;
    await this.client.stop();
  }

  /** Begins to write to a friend. */
  meet(friend: Correspondent, onFault: (fault: Fault) => void): Books {
    const tell = (kind: Fault['kind'], number: number) => onFault({ kind, number, between: [this, friend] });
    const books = new Books(this.party, friend.party, tell, (number) => tell('suspect', number));
    this.#pens.set(friend.party.name, new Pen(friend, books));
    return books;
  }

  /** Writes again what has to be, and some new letters. */
  write(): void {
    for (const pen of this.#pens.values()) {
      this.#repeat(pen);
      // Now and then many at once, so that much is on its way when the connection goes.
      const most = this.#random.next() < 0.1 ? 12 : 2;
      for (let left = this.#random.whole(0, most); left > 0 && pen.waiting.size < WINDOW; left -= 1) {
        pen.written += 1;
        const letter: Letter = { letter: pen.written, sending: 0, takenAt: null };
        pen.waiting.set(letter.letter, letter);
        this.#tally.letters += 1;
        this.#post(pen, letter);
      }
    }
  }

  /** Writes again what has to be. */
  writeAgain(): void {
    for (const pen of this.#pens.values()) this.#repeat(pen);
  }

  /** Writes a friend again what has to be. */
  #repeat(pen: Pen): void {
    const now = performance.now();
    for (const letter of pen.waiting.values()) {
      if (letter.takenAt !== null && now - letter.takenAt > OVERDUE) pen.again.add(letter);
    }
    const again = [...pen.again];
    pen.again.clear();
    for (const letter of again) {
      this.#tally.again += 1;
      this.#post(pen, letter);
    }
  }

  /** Letters without a receipt. */
  get waiting(): number {
    let count = 0;
    for (const { waiting } of this.#pens.values()) count += waiting.size;
    return count;
  }

  /** Letters that a friend has not read. */
  get unread(): number {
    let count = 0;
    for (const { friend, written } of this.#pens.values()) {
      const pen = friend.#pens.get(this.party.name) as Pen;
      count += written - pen.readTo - pen.readBeyond.size;
    }
    return count;
  }

  #post(pen: Pen, letter: Letter): void {
    const body = `${letter.letter} ${'x'.repeat(this.#random.whole(0, 800))}`;
    letter.takenAt = null;
    this.#send(pen, [el('body', {}, body), el('request', { xmlns: NS_RECEIPTS })], letter);
  }

  /** One `send`. What becomes of a letter decides whether it is written again. */
  #send(pen: Pen, content: Element[], letter: Letter | null): void {
    const tally = this.#tally;
    const { books, waiting, again } = pen;
    const number = books.send();
    if (letter !== null) letter.sending = number;
    tally.sent += 1;
    const token = this.client.send(el('message', { to: pen.friend.jid, id: `${number}`, type: 'chat' }, ...content));
    const told = () => {
      const { state } = token;
      books.told(number, state);
      if (state === 'acked') tally.acked += 1;
      else if (state === 'unconfirmed') tally.unconfirmed += 1;
      else if (state === 'lost') tally.toldLost += 1;
      else if (state === 'failed') tally.failed += 1;
      else return;
      if (letter === null || !waiting.has(letter.letter) || letter.sending !== number) return;
      if (state === 'acked') letter.takenAt = performance.now();
      else again.add(letter);
    };
    token.onStateChange(told);
    told();
  }

  #bounced(pen: Pen, number: number): void {
    this.#tally.bounced += 1;
    pen.books.bounced(number);
    for (const letter of pen.waiting.values()) if (letter.sending === number) pen.again.add(letter);
  }

  #receive(pen: Pen, number: number, element: Element): void {
    const tally = this.#tally;
    tally.received += 1;
    (pen.friend.#pens.get(this.party.name) as Pen).books.arrived(number);
    const receipt = element.find('received', NS_RECEIPTS);
    if (receipt !== undefined) {
      const letter = pen.waiting.get(Number(receipt.attr('id')));
      if (letter === undefined) return;
      pen.waiting.delete(letter.letter);
      pen.again.delete(letter);
      return;
    }
    const letter = Number.parseInt(element.find('body')?.text ?? '', 10);
    if (pen.read(letter)) tally.read += 1;
    else tally.repeats += 1;
    tally.receipts += 1;
    this.#send(pen, [el('received', { xmlns: NS_RECEIPTS, id: `${letter}` })], null);
  }

  #crossed({ direction, xml }: Crossing): void {
    this.#note(`${direction === 'in' ? '<' : '>'} ${xml.replace(/x{20,}/g, 'x…')}`);
    for (const [, attributes] of xml.matchAll(/<message( [^>]*)>/g)) {
      const attribute = (name: string) => new RegExp(` ${name}="([^"@]*)`).exec(attributes ?? '')?.[1] ?? '';
      const pen = this.#pens.get(attribute(direction === 'in' ? 'from' : 'to'));
      if (pen === undefined || attribute('type') === 'error') continue;
      const number = Number(attribute('id'));
      if (direction === 'out') pen.books.written(number);
      else (pen.friend.#pens.get(this.party.name) as Pen).books.came(number);
    }
  }

  #note(line: string): void {
    this.history.push(`${Math.round(performance.now())} ${line}`);
    if (this.history.length > MEMORY) this.history.shift();
  }
}
