/** Makes recordings of real servers: a life with everything in it, on plain connections of this host. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ClientOptions, createClient, el, type InspectedClient, presences, roster } from '../../src/index.ts';
import { dial } from '../../src/transport/tcp.ts';
import { startEjabberd } from '../servers/ejabberd.ts';
import { startProsody } from '../servers/prosody.ts';
import type { RealServer } from '../servers/real-server.ts';
import { FRIEND, life, PASSWORD } from './life.ts';
import { depthOf, piecesOf, topLevel, toText } from './pieces.ts';
import { heard, RECORDINGS } from './recording.ts';

/** What stands for the server's domain in recordings. */
const DOMAIN = 'example.org';

const SERVERS = {
  'prosody-0.12': () => startProsody({ version: '0.12' }),
  'prosody-13': () => startProsody({ version: '13' }),
  'ejabberd-23.01': () => startEjabberd({ version: '23.01' }),
  'ejabberd-24.12': () => startEjabberd({ version: '24.12' }),
};

/** Milliseconds in which what one person does has reached the other. */
const MOMENT = 300;

/** Writes down what goes over the connections of one client. */
class Recorder {
  readonly lines: string[] = [];
  readonly #ids = new Map<string, string>();
  #unfinished = '';

  connected(): void {
    this.lines.push('connection');
    this.#unfinished = '';
  }

  sent(text: string): void {
    for (const element of topLevel(text)) {
      const { what, id } = heard(element);
      if (what === '') continue;
      if (id !== null && !this.#ids.has(id)) this.#ids.set(id, `$${this.#ids.size + 1}`);
      this.lines.push(`> ${what}${id === null ? '' : ` ${this.#ids.get(id)}`}`);
    }
  }

  received(bytes: Uint8Array): void {
    const elements = topLevel(this.#unfinished + toText(bytes));
    const last = elements.at(-1) ?? '';
    const depth = /^<(?:\?|\/?stream:stream)/.test(last)
      ? 0
      : piecesOf(last).reduce((sum, one) => sum + depthOf(one), 0);
    const complete = depth === 0 && (last === '' || last.endsWith('>'));
    this.#unfinished = complete ? '' : (elements.pop() as string);
    for (const element of elements) this.lines.push(`< ${this.#anonymous(element)}`);
  }

  #anonymous(element: string): string {
    const named = element.replace(/( id=)(["'])(.*?)\2/, (all, name, quote, id) => {
      const known = this.#ids.get(id);
      return known === undefined ? all : `${name}${quote}${known}${quote}`;
    });
    return named.replaceAll('\n', '&#10;').replaceAll('\r', '&#13;');
  }
}

async function record(server: RealServer): Promise<string> {
  const domain = server.hosts.clear;
  for (const user of ['alice', FRIEND]) await server.addAccount(user, PASSWORD, domain);
  const common = {
    password: PASSWORD,
    tls: 'off',
    plainOnLoopback: true,
    mechanisms: ['PLAIN'],
    resolveSrv: async () => [],
    endpoints: [{ host: '127.0.0.1', port: server.ports.clear }],
    backoff: { start: 2 * MOMENT, factor: 1, cap: 2 * MOMENT },
    random: () => 0.99,
  } satisfies Partial<ClientOptions>;
  const recorder = new Recorder();
  let cable: Socket | undefined;
  const bob = createClient({ ...common, jid: `${FRIEND}@${domain}/x` });
  const other = createClient({ ...common, jid: `alice@${domain}/other` });
  const clients = [bob, other];
  try {
    const friends = bob.use(roster);
    bob.use(presences);
    friends.on('request', ({ jid }) => friends.approve(jid));
    for (const someone of [bob, other]) {
      someone.setPresence({});
      await someone.waitFor('online');
    }
    const { client } = life({
      ...common,
      jid: `alice@${domain}/fuzz`,
      inspect: Object.assign(() => {}, {
        client: (inspected: InspectedClient) => {
          inspected.tap(({ direction, xml }) => direction === 'out' && recorder.sent(xml));
        },
      }),
      connect: async (endpoint, { signal }) => {
        const socket = await dial(endpoint, { signal });
        cable = socket;
        recorder.connected();
        socket.on('data', (bytes) => recorder.received(bytes));
        socket.on('end', () => recorder.lines.push('end'));
        return socket;
      },
    });
    clients.push(client);
    await client.waitFor('online');
    await delay(2 * MOMENT);
    const say = (to: string, text: string) =>
      bob.send(el('message', { to, type: 'chat' }, el('body', {}, text), el('thread', {}, '1')));
    say(client.jid.toString(), 'a < b & "c" 😀');
    say(`alice@${domain}`, 'to all');
    other.send(el('message', { to: `${FRIEND}@${domain}`, type: 'chat' }, el('body', {}, 'from elsewhere')));
    for (const namespace of ['urn:fuzz', 'urn:nobody', 'http://jabber.org/protocol/disco#info']) {
      const query = el('iq', { type: 'get', to: client.jid }, el('query', { xmlns: namespace }));
      await bob.request(query).catch(() => {});
    }
    bob.setPresence({ show: 'dnd', status: 'busy' });
    await delay(MOMENT);
    recorder.lines.push('reset');
    cable?.destroy();
    say(client.jid.toString(), 'while away');
    await client.once('resumed');
    await delay(MOMENT);
    await server.stop();
    await server.start();
    await client.waitFor('online');
    await delay(2 * MOMENT);
    await server.kick(`alice@${domain}/fuzz`);
    await delay(2 * MOMENT);
  } finally {
    await Promise.all(clients.map((someone) => someone.stop()));
  }
  const lines = recorder.lines.map((line) => line.replaceAll(domain, DOMAIN));
  return `${[`# ${server}`, ...lines].join('\n')}\n`;
}

/** Makes all recordings anew. */
export async function recordAll(): Promise<void> {
  mkdirSync(RECORDINGS, { recursive: true });
  for (const [name, start] of Object.entries(SERVERS)) {
    const server = await start();
    try {
      const text = await record(server);
      writeFileSync(join(RECORDINGS, `${name}.txt`), text, 'latin1');
      console.log(`${name}: ${text.length} bytes`);
    } finally {
      await server.dispose();
    }
  }
}
