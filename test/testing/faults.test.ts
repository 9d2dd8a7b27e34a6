import { once } from 'node:events';
import * as assert from 'uvu/assert';
import type { DropKind, Fault } from '../../src/testing/faults.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { withServer } from './fixture.ts';
import type { RawClient } from './raw-client.ts';

const test = suite('test server: faults');

const PING = "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>";

/** Resolves once the server has answered a ping, and so handled all that was sent before. */
async function ping(client: RawClient): Promise<void> {
  client.write(PING);
  assert.is((await client.expect('iq')).attr('id'), 'p');
}

/** Time for an answer that must not come. */
async function nothing(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Whether nothing is answered any more. */
async function isDeaf(client: RawClient): Promise<boolean> {
  const { length } = client.text;
  client.write(PING);
  await nothing();
  return client.text.length === length;
}

for (const [kind, code] of [
  ['fin', 'fin'],
  ['rst', 'ECONNRESET'],
] as const) {
  for (const direct of [false, true]) {
    test(`drop by ${kind} ${direct ? 'under direct TLS' : 'under STARTTLS'}`, () =>
      withServer({}, async (server, connect) => {
        const client = await connect(direct ? 'direct' : 'tcp');
        await client.login(server.ca);
        await client.bind('a');
        const disconnected = once(server, 'disconnected');
        server.drop(kind);
        assert.is(await client.gone, code);
        await disconnected;
        assert.equal(server.connections, []);
        assert.equal(server.sessions, []);
      }));
  }

  test(`drop by ${kind} in clear`, () =>
    withServer({}, async (server, connect) => {
      const client = await connect();
      await client.open();
      server.connections[0]?.drop(kind);
      assert.is(await client.gone, code);
      assert.not.match(client.text, '</stream:stream>');
    }));
}

test('silence: the socket stays, the server says and hears nothing', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('a');
    const session = server.session(client.jid);
    const [connection] = server.connections;
    connection?.drop('silence');
    session?.send(el('message'));
    assert.ok(await isDeaf(client));
    client.socket.end();
    await nothing();
    assert.equal(server.connections, [connection]);
    assert.is(server.session(client.jid), session);
    const disconnected = once(server, 'disconnected');
    connection?.drop('rst');
    await disconnected;
    assert.equal(server.connections, []);
  }));

test('a fault of the server holds for connections there are and for those to come', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('a');
    const fault = server.faults.add({ drop: 'fin', when: { direction: 'in', before: 'message' }, times: 2 });
    client.write('<message/>');
    assert.is(await client.gone, 'fin');
    await fault.fired;
    const other = await online('a');
    other.write('<message/>');
    assert.is(await other.gone, 'fin');
    assert.is(fault.count, 2);
    assert.equal([...server.faults], []);
    const last = await online('a');
    last.write("<message to='localhost'/>");
    await ping(last);
  }));

test('a fault of a connection is its own', () =>
  withServer({}, async (server, connect) => {
    server.once('connected', (connection) =>
      connection.faults.add({ drop: 'rst', when: { direction: 'out', before: 'features' } }),
    );
    const client = await connect();
    client.begin();
    assert.is(await client.gone, 'ECONNRESET');
    await (await connect()).open();
  }));

test('a fault can be taken back, by itself, by its name, or with all others', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('a');
    const when = { direction: 'in', before: 'iq' } as const;
    server.faults.add({ drop: 'rst', when }, 'named');
    server.faults.add({ drop: 'rst', when }, 'named');
    server.faults.remove('named');
    const fault = server.faults.add({ drop: 'rst', when });
    fault.remove();
    server.faults.add({ drop: 'rst', when }, 'one');
    server.faults.add({ drop: 'rst', when }, 'two');
    server.faults.clear();
    await ping(client);
    assert.is(fault.count, 0);
  }));

test('drop on connect', () =>
  withServer({}, async (server, connect) => {
    for (const how of ['tcp', 'direct'] as const) {
      server.faults.add({ drop: 'fin', when: 'connect' });
      const outcome = connect(how).then((client) => client.gone);
      assert.match(await outcome.catch((error) => error.code), /fin|ECONNRESET/);
      server.faults.add({ drop: 'rst', when: 'connect' });
      assert.is(
        await connect(how)
          .then((client) => client.gone)
          .catch((error) => error.code),
        'ECONNRESET',
      );
    }
    server.faults.add({ drop: 'silence', when: 'connect' });
    const client = await connect();
    client.begin();
    await nothing();
    assert.is(client.text, '');
    assert.is(server.connections.length, 1);
  }));

for (const kind of ['fin', 'rst', 'silence'] satisfies DropKind[]) {
  test(`${kind} before an element that comes in: it is not handled`, () =>
    withServer({}, async (server, _, online) => {
      const romeo = await online('a');
      const juliet = await online('b', { username: 'juliet' });
      await romeo.enable();
      const session = server.session(romeo.jid);
      const fault = server.faults.add({
        drop: kind,
        when: { direction: 'in', before: ({ name, attrs }) => name === 'message' && attrs.id === '2' },
      });
      const messages = [1, 2, 3].map((id) => `<message to='${juliet.jid}' id='${id}'/>`);
      romeo.write(messages.join(''));
      await fault.fired;
      assert.is((await juliet.expect('message')).attr('id'), '1');
      await ping(juliet);
      assert.is(session?.handled, 1);
    }));

  test(`${kind} after an element that comes in: it is handled, and what follows is not`, () =>
    withServer({}, async (server, _, online) => {
      const romeo = await online('a');
      await romeo.enable();
      const session = server.session(romeo.jid);
      const fault = server.faults.add({ drop: kind, when: { direction: 'in', after: 'iq' } });
      romeo.write(`${PING}${PING}`);
      await fault.fired;
      assert.is(session?.handled, 1);
      assert.is((await romeo.expect('iq')).attr('type'), 'result');
    }));

  test(`${kind} before an element that goes out: it is kept back`, () =>
    withServer({}, async (server, _, online) => {
      const romeo = await online('a');
      const fault = server.faults.add({ drop: kind, when: { direction: 'out', before: 'enabled' } });
      romeo.enable().catch(() => {});
      await fault.fired;
      assert.is(server.faults[Symbol.iterator]().next().done, true);
      if (kind !== 'silence') await romeo.gone;
      assert.not.match(romeo.text, 'enabled');
    }));

  test(`${kind} after an element that goes out: it arrives, and nothing behind it`, () =>
    withServer({}, async (server, _, online) => {
      const romeo = await online('a');
      server.faults.add({ drop: kind, when: { direction: 'out', after: ({ attrs }) => attrs.id === '1' } });
      const session = server.session(romeo.jid);
      session?.send(el('message', { id: 1 }));
      session?.send(el('message', { id: 2 }));
      assert.is((await romeo.expect('message')).attr('id'), '1');
      if (kind !== 'silence') await romeo.gone;
      else assert.ok(await isDeaf(romeo));
      assert.not.match(romeo.text, "id='2'");
    }));

  test(`${kind} after so many bytes that go out`, () =>
    withServer({}, async (server, _, online) => {
      const romeo = await online('a');
      const text = '<message id="1"/><message id="2"/>';
      const already = romeo.text.length;
      const fault = server.faults.add({ drop: kind, when: { direction: 'out', bytes: 20 } });
      server.session(romeo.jid)?.send(text);
      await fault.fired;
      if (kind === 'silence') await isDeaf(romeo);
      else assert.is(await romeo.gone, kind === 'fin' ? 'fin' : 'ECONNRESET');
      assert.is(romeo.text.slice(already), text.slice(0, 20));
    }));

  test(`${kind} after so many bytes that come in`, () =>
    withServer({ log: true }, async (server, _, online) => {
      const romeo = await online('a');
      const text = "<message to='localhost' id='1'/><message to='localhost' id='2'/>";
      const fault = server.faults.add({ drop: kind, when: { direction: 'in', bytes: text.length - 1 } });
      romeo.write(text);
      await fault.fired;
      if (kind !== 'silence') await romeo.gone;
      const ids = server.log
        .filter(({ element }) => element.name === 'message')
        .map(({ element }) => element.attr('id'));
      assert.equal(ids, ['1']);
    }));
}

test('the bytes of a fault are counted from when it is set, across writes', () =>
  withServer({}, async (server, _, online) => {
    const romeo = await online('a');
    const session = server.session(romeo.jid);
    session?.send('<message id="0"/>');
    const fault = server.faults.add({ drop: 'fin', when: { direction: 'out', bytes: 30 } });
    session?.send('<message id="1"/>');
    await session?.connection?.flushed();
    assert.is(fault.count, 0);
    session?.send('<message id="2"/>');
    assert.is(await romeo.gone, 'fin');
    assert.ok(romeo.text.endsWith('<message id="0"/><message id="1"/><message id="'));
  }));

test('drop in the middle of a handshake', () =>
  withServer({}, async (server, connect) => {
    for (const kind of ['fin', 'rst'] as const) {
      server.faults.add({ drop: kind, when: { direction: 'out', after: 'proceed' } });
      const client = await connect();
      await client.open();
      const error = await client.startTls({ ca: server.ca }).catch((error) => error);
      assert.instance(error, Error);
    }
  }));

test('headers and footers are elements, too', () =>
  withServer({}, async (server, connect, online) => {
    server.faults.add({ drop: 'fin', when: { direction: 'out', after: 'stream' } });
    const client = await connect();
    client.begin();
    assert.is(await client.gone, 'fin');
    assert.match(client.text, 'stream:stream');
    assert.not.match(client.text, 'features');
    const closing = await online('a');
    server.faults.add({ drop: 'rst', when: { direction: 'in', before: '/stream' } });
    closing.write('</stream:stream>');
    assert.is(await closing.gone, 'ECONNRESET');
    assert.not.match(closing.text, '</stream:stream>');
  }));

test('delay: everything comes later, in order', () =>
  withServer({}, async (server, _, online) => {
    const romeo = await online('a');
    const session = server.session(romeo.jid);
    const delay = server.faults.add({ delay: 50 });
    const since = performance.now();
    session?.send(el('message', { id: 1 }));
    await session?.connection?.flushed();
    assert.ok(performance.now() - since >= 50);
    session?.send(el('message', { id: 2 }));
    delay.remove();
    session?.send(el('message', { id: 3 }));
    for (const id of ['1', '2', '3']) assert.is((await romeo.expect('message')).attr('id'), id);
    await ping(romeo);
    assert.ok(delay.count >= 2);
  }));

test('what a delay keeps back still goes out before the end', () =>
  withServer({}, async (server, _, online) => {
    const romeo = await online('a');
    const session = server.session(romeo.jid);
    server.faults.add({ delay: 20 });
    session?.send(el('message', { id: 1 }));
    session?.connection?.drop('fin');
    assert.is((await romeo.expect('message')).attr('id'), '1');
    assert.is(await romeo.gone, 'fin');
    const other = await online('b');
    const connection = server.session(other.jid)?.connection;
    connection?.send('<message id="2"/>');
    connection?.end();
    await other.expect('message');
    await other.expect('/stream');
    assert.is(await other.gone, 'fin');
  }));

test('closed while bytes are kept back, it leaves no timer', () =>
  withServer({}, async (server, _, online) => {
    const romeo = await online('a');
    server.faults.add({ delay: 3_600_000 });
    const session = server.session(romeo.jid);
    session?.send(el('message'));
    const flushed = session?.connection?.flushed();
    await server.close();
    await flushed;
  }));

for (const direct of [false, true]) {
  test(`split: one byte at a time ${direct ? 'under TLS' : 'in clear'}`, () =>
    withServer({ tls: 'off' }, async (server, connect) => {
      const client = await connect(direct ? 'direct' : 'tcp');
      const split = server.faults.add({ split: 1 });
      await client.open();
      assert.ok(client.text.length > 300);
      assert.ok(client.chunks.every((length) => length === 1));
      split.remove();
      client.chunks.length = 0;
      assert.is(await client.authenticate(), 'success');
      assert.is(client.chunks.length, 1);
    }));
}

test('split at given sizes, and through characters of several bytes', () =>
  withServer({}, async (server, _, online) => {
    const romeo = await online('a');
    const session = server.session(romeo.jid);
    session?.connection?.faults.add({ split: [1, 2, 30] });
    romeo.chunks.length = 0;
    session?.send('<message><body>💚ü</body></message>');
    assert.is((await romeo.expect('message')).find('body')?.text, '💚ü');
    assert.equal(romeo.chunks, [1, 2, 30, 1, 2, 2]);
    session?.send('<message><body>💚ü</body></message>');
    assert.is((await romeo.expect('message')).find('body')?.text, '💚ü');
  }));

test('corrupt: a flipped bit, and other bytes', () =>
  withServer({}, async (server, _, online) => {
    const seen = async (...faults: Fault[]) => {
      const romeo = await online('a');
      const session = server.session(romeo.jid);
      for (const fault of faults) session?.connection?.faults.add(fault);
      const already = romeo.text.length;
      session?.send('<message id="1"/>');
      await session?.connection?.flushed();
      session?.send('<message id="2"/>');
      await once(romeo.socket, 'data');
      if (romeo.text.length < already + 34) await once(romeo.socket, 'data');
      return romeo.text.slice(already);
    };
    assert.is(await seen({ corrupt: 1, direction: 'out', flip: 0x01 }), '<lessage id="1"/><message id="2"/>');
    assert.is(await seen({ corrupt: 3, direction: 'out' }), '<me\ufffdsage id="1"/><message id="2"/>');
    const replace = '/><x a="b"/><z';
    assert.is(await seen({ corrupt: 9, direction: 'out', replace }), '<message /><x a="b"/><zge id="2"/>');
    assert.is(await seen({ corrupt: 40, direction: 'out' }), '<message id="1"/><message id="2"/>');
  }));

test('corrupt: what comes in', () =>
  withServer({}, async (server, _, online) => {
    const romeo = await online('a');
    const fault = server.faults.add({ corrupt: 4, direction: 'in' });
    romeo.write('<message/>');
    assert.ok((await romeo.expect('error')).elements.length > 0);
    assert.is(await romeo.gone, 'fin');
    assert.is(fault.count, 1);
    const other = await online('a');
    server.faults.add({ corrupt: 13, direction: 'in', replace: '2' });
    const message = server.next('message');
    other.write("<message id='1'/>");
    assert.is((await message).attr('id'), '2');
  }));

test.run();
