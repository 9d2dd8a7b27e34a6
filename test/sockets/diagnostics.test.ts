/** What monitoring sees of a client: `stats`, and the channels of `node:diagnostics_channel`. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import * as assert from 'uvu/assert';
import type { ClientStats, DiagnosticMessages } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import { handled, message, messages, online, resumed, said, segment, sm } from './dialogue.ts';
import { sockets } from './rig.ts';

const test = sockets('sockets/diagnostics');

type Heard = [name: string, message: object][];

const NAMES = ['client', 'connect', 'reconnect', 'resume', 'disconnect', 'wait', 'failure', 'stanzas'] as const;

/** Runs `body` with a list of what is published meanwhile, the name of the channel first. */
async function listening(body: (heard: Heard) => Promise<void>) {
  const heard: Heard = [];
  const listeners = NAMES.map((name) => {
    const listener = (published: unknown) => heard.push([name, published as object]);
    return [`xstanza:${name}`, listener] as const;
  });
  for (const [name, listener] of listeners) subscribe(name, listener);
  try {
    await body(heard);
  } finally {
    for (const [name, listener] of listeners) unsubscribe(name, listener);
  }
}

function last<N extends keyof DiagnosticMessages>(heard: Heard, name: N): DiagnosticMessages[N] {
  const found = heard.findLast(([channel]) => `xstanza:${channel}` === name);
  assert.ok(found, `nothing on ${name}`);
  return found[1] as DiagnosticMessages[N];
}

test('the channels tell of a session, an interruption, a resumption, a new session and the end', (rig) =>
  listening(async (heard) => {
    const { client, journal, next, peer } = await online(rig);
    const names = () => heard.splice(0).map(([name]) => name);
    const { jid, stats } = last(heard, 'xstanza:client');
    assert.is(jid, 'romeo@localhost');
    assert.equal(heard[1], ['connect', { jid: 'romeo@localhost/server' }]);
    assert.equal(names(), ['client', 'connect']);
    peer.reset();
    const second = await resumed(next, 0);
    await journal.until('resumed');
    assert.is(last(heard, 'xstanza:disconnect').reason?.kind, 'network');
    assert.is(last(heard, 'xstanza:resume').jid, 'romeo@localhost/server');
    assert.type(last(heard, 'xstanza:resume').gapMs, 'number');
    assert.equal(names(), ['disconnect', 'stanzas', 'wait', 'resume']);
    journal.read();
    second.reset();
    const third = await next();
    await third.negotiate({ upTo: 'bind', tls: false });
    await journal.until('online anew');
    assert.equal(names(), ['disconnect', 'stanzas', 'wait', 'reconnect']);
    const stopped = client.stop();
    await third.expect('/stream');
    await third.close();
    await stopped;
    assert.equal(heard[0], ['disconnect', { jid: 'romeo@localhost', reason: null }]);
    assert.equal(names(), ['disconnect', 'stanzas']);
    const { attempts, sessions, resumptions, interruptions, failures }: ClientStats = stats();
    assert.equal([attempts, sessions, resumptions, interruptions, failures], [3, 2, 1, 2, 0]);
    assert.equal(client.stats(), stats());
  }));

test('a run that fails is told', (rig) =>
  listening(async (heard) => {
    const server = await rig.server();
    const { client } = rig.client(server, { password: 'wrong' });
    await client.start().catch(() => {});
    const { jid, failure } = last(heard, 'xstanza:failure');
    assert.equal([jid, failure.kind], ['romeo@localhost', 'auth']);
    assert.is(client.stats().failures, 1);
  }));

test('stanzas are counted once, also those that are written again', async (rig) => {
  const { client, journal, next, peer } = await online(rig);
  const tokens = [1, 2, 3].map((n) => client.send(message(n)));
  await said(peer, 3);
  await peer.send(segment(...messages(1, 2)));
  assert.is(await handled(peer), 2);
  await peer.send(sm('a', { h: 1 }));
  await tokens[0];
  assert.equal([client.stats().sent, client.stats().acked, client.stats().received], [3, 1, 2]);
  peer.reset();
  const again = await resumed(next, 2);
  await said(again, 1);
  await journal.until('resumed');
  await again.send(sm('a', { h: 3 }));
  await tokens[2];
  assert.equal([client.stats().sent, client.stats().acked], [3, 3]);
});

test('while stanzas pass their totals are told every ten seconds, and to nobody when nobody listens', (rig) =>
  listening(async (heard) => {
    const clock = new ManualClock();
    const { client, peer } = await online(rig, { clock });
    const told = () =>
      heard
        .filter(([name]) => name === 'stanzas')
        .map(([, message]) => {
          const { sent, received } = message as DiagnosticMessages['xstanza:stanzas'];
          return [sent, received];
        });
    client.send(message(1));
    client.send(message(2));
    await said(peer, 2);
    assert.equal(told(), [[1, 0]]);
    clock.advance(10_000);
    await peer.send(message(1));
    await handled(peer);
    assert.equal(told(), [
      [1, 0],
      [2, 1],
    ]);
  }));

test.run();
