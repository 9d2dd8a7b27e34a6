/** RFC 6121 §4: who can be reached, by bare and full JID. */
import * as assert from 'uvu/assert';
import { type Client, type Element, el, type Presences, presences } from '../../src/index.ts';
import { JID, type Rig, sockets } from './rig.ts';

const test = sockets('sockets/presences');

const JULIET = 'juliet@example.org';

/** Romeo, what the server says to him, and what he is told of presences. */
async function romeo(rig: Rig) {
  const server = await rig.server();
  const subject = rig.client(server, { jid: `${JID}/orchard` });
  const { client } = subject;
  const known = client.use(presences);
  const told: string[] = [];
  known.on('available', ({ jid, first }) => told.push(`available ${jid}${first ? ' first' : ''}`));
  known.on('changed', ({ jid, presence, before }) => told.push(`changed ${jid} ${before.show} ${presence.show}`));
  known.on('unavailable', ({ jid, presence, last }) =>
    told.push(`unavailable ${jid} ${presence === null ? null : presence.status}${last ? ' last' : ''}`),
  );
  known.on('error', ({ jid, error }) => told.push(`error ${jid} ${error.condition}`));
  await client.start();
  const say = async (...stanzas: Element[]) => {
    for (const stanza of stanzas) server.session(client.jid)?.send(stanza);
    await settled(client);
    return told.splice(0);
  };
  return { ...subject, server, known, told, say };
}

/** Waits until everything was dealt with that the server said before. */
async function settled(client: Client): Promise<void> {
  await client.request(el('iq', { type: 'get' }, el('ping', { xmlns: 'urn:xmpp:ping' })));
}

function presence(from: string, { type, ...content }: Record<string, string> = {}): Element {
  return el(
    'presence',
    { from, type },
    Object.entries(content).map(([name, text]) => el(name, {}, text)),
  );
}

const best = (known: Presences, jid: string) => known.get(jid)?.from?.resource;

test('available, changed and unavailable, of the first resource to the last', async (rig) => {
  const { known, say } = await romeo(rig);
  const [balcony, chamber] = [`${JULIET}/balcony`, `${JULIET}/chamber`] as const;
  assert.equal(await say(presence(balcony), presence(chamber, { show: 'away' })), [
    `available ${balcony} first`,
    `available ${chamber}`,
  ]);
  assert.equal(await say(presence(balcony, { show: 'dnd' })), [`changed ${balcony} undefined dnd`]);
  assert.is(known.get(balcony)?.show, 'dnd');
  assert.equal(await say(presence(balcony, { type: 'unavailable', status: 'bye' })), [`unavailable ${balcony} bye`]);
  assert.is(known.get(balcony), undefined);
  // Nobody goes twice, and nobody goes who never came.
  const gone = [balcony, `${JULIET}/x`, 'friar@example.org/x'].map((jid) => presence(jid, { type: 'unavailable' }));
  assert.equal(await say(...gone), []);
  assert.equal(await say(presence(chamber, { type: 'unavailable', status: 'bye' })), [
    `unavailable ${chamber} bye last`,
  ]);
  assert.equal([known.get(JULIET), known.all(JULIET), [...known]], [undefined, [], []]);
});

test('the best resource has the highest priority, of several the one that spoke last', async (rig) => {
  const { known, say } = await romeo(rig);
  await say(presence(`${JULIET}/a`, { priority: '-1' }), presence(`${JULIET}/b`), presence(`${JULIET}/c`));
  assert.is(best(known, JULIET), 'c');
  await say(presence(`${JULIET}/b`, { show: 'xa' }));
  assert.is(best(known, JULIET), 'b');
  await say(presence(`${JULIET}/a`, { priority: '7' }));
  assert.is(best(known, JULIET), 'a');
  assert.equal(
    known.all(`${JULIET}/whichever`).map(({ from }) => from?.resource),
    ['a', 'b', 'c'],
  );
  assert.is(best(known, 'JULIET@example.org'), 'a');
  assert.is(known.get(`${JULIET}/none`), undefined);
});

test('a bare JID can be available itself, and goes for all of its resources', async (rig) => {
  const { known, say } = await romeo(rig);
  assert.equal(await say(presence('gateway.example.org'), presence(`${JULIET}/a`), presence(`${JULIET}/b`)), [
    'available gateway.example.org first',
    `available ${JULIET}/a first`,
    `available ${JULIET}/b`,
  ]);
  assert.ok(known.get('gateway.example.org'));
  assert.equal(
    await say(presence(JULIET, { type: 'unavailable' }), presence('gateway.example.org', { type: 'unavailable' })),
    [
      `unavailable ${JULIET}/a undefined`,
      `unavailable ${JULIET}/b undefined last`,
      'unavailable gateway.example.org undefined last',
    ],
  );
});

test('an error is told and changes nothing, and so does what is no availability', async (rig) => {
  const { known, say } = await romeo(rig);
  await say(presence(`${JULIET}/a`));
  const error = el('error', { type: 'cancel' }, el('conflict', { xmlns: 'urn:ietf:params:xml:ns:xmpp-stanzas' }));
  assert.equal(await say(presence(`${JULIET}/a`, { type: 'error' }).append(error)), [`error ${JULIET}/a conflict`]);
  assert.equal(
    await say(
      presence(JULIET, { type: 'subscribe' }),
      presence('no jid@@'),
      presence(`${JULIET}/a`, { type: 'probe' }),
    ),
    [],
  );
  assert.is(best(known, JULIET), 'a');
});

test('all is kept through an interruption, and gone with the session', async (rig) => {
  const { client, sockets, journal, known, told, say } = await romeo(rig);
  await say(presence(`${JULIET}/a`), presence(`${JULIET}/b`), presence('friar@example.org/cell'));
  sockets.at(-1)?.destroy();
  await journal.until('online again');
  assert.equal([told, [...known].length], [[], 3]);
  await client.stop();
  assert.equal(told.splice(0), [
    `unavailable ${JULIET}/a null`,
    `unavailable ${JULIET}/b null last`,
    'unavailable friar@example.org/cell null last',
  ]);
  assert.equal([...known], []);
  await client.start();
  assert.equal(await say(presence(`${JULIET}/a`)), [`available ${JULIET}/a first`]);
});

test.run();
