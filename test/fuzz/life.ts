/** What an application does with a client that has all services: the same for recordings as for replays. */
import {
  type Client,
  type ClientOptions,
  caps,
  carbons,
  clientState,
  createClient,
  disco,
  el,
  ping,
  presences,
  roster,
  type Token,
} from '../../src/index.ts';

/** The other person. */
export const FRIEND = 'bob';
export const PASSWORD = 'secret';

export interface Life {
  readonly client: Client;
  /** Of everything that was sent. */
  readonly tokens: readonly Token[];
  /** What was asked for and has not come to an end. */
  readonly waiting: ReadonlySet<string>;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * A client that does something of everything as soon as it is online.
 *
 * @param slow takes its time with what comes in, one stanza after the other.
 */
export function life(options: ClientOptions, slow = false): Life {
  const client = createClient(slow ? { ...options, concurrency: 1 } : options);
  if (slow) {
    client.filter('inbound', async (stanza) => {
      await turn();
      return stanza;
    });
    for (const type of ['message', 'presence'] as const) client.on(type, turn);
  }
  const tokens: Token[] = [];
  const waiting = new Set<string>();
  const services = {
    disco: client.use(disco),
    caps: client.use(caps),
    ping: client.use(ping),
    roster: client.use(roster),
    presences: client.use(presences),
    carbons: client.use(carbons),
    clientState: client.use(clientState),
  };
  const ask = (what: string, answer: Promise<unknown>) => {
    waiting.add(what);
    const settle = () => waiting.delete(what);
    answer.then(settle, settle);
  };
  const say = (text: string, to = `${FRIEND}@${client.jid.domain}`) => {
    tokens.push(client.send(el('message', { to, type: 'chat' }, el('body', {}, text))));
  };
  let runs = 0;
  client.handle('get', 'urn:fuzz', 'query', () => el('query', { xmlns: 'urn:fuzz' }));
  client.on('online', ({ resumed }) => {
    if (resumed) {
      say('again');
      return;
    }
    runs += 1;
    const { domain } = client.jid;
    const friend = `${FRIEND}@${domain}`;
    ask(`roster ${runs}`, services.roster.set({ jid: friend, name: 'B <ob>', groups: ['friends'] }));
    tokens.push(services.roster.subscribe(friend));
    ask(`info ${runs}`, services.disco.queryInfo(domain));
    ask(`items ${runs}`, services.disco.queryItems(domain));
    ask(`ping ${runs}`, services.ping.ping());
    const unknown = el('iq', { type: 'get', to: domain }, el('query', { xmlns: 'urn:fuzz' }));
    ask(`unknown ${runs}`, client.request(unknown));
    services.clientState.inactive();
    say('hello');
    say('hello', `nobody@${domain}`);
    services.clientState.active();
    for (const presence of services.presences) String(presence);
  });
  client.setPresence({ show: 'away', status: 'here', priority: 1 });
  return { client, tokens, waiting };
}
