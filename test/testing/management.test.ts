import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { withServer } from './fixture.ts';
import type { RawClient } from './raw-client.ts';

const test = suite('test server: stream management');

const message = (id: number | string) => el('message', { id, to: 'romeo@localhost/orchard' }, el('body', {}, 'hi'));

/** The next stanza; answers no request for acknowledgement on the way. */
async function stanza(client: RawClient): Promise<string> {
  for (;;) {
    const element = await client.next();
    if (element.name !== 'r') return `${element.name} ${element.attr('id')}`;
  }
}

test('it is granted with an id, a limit and a location', () =>
  withServer({ sm: { max: 60, location: '[::1]:5333' } }, async (server, _, online) => {
    const client = await online('orchard');
    const enabled = await client.enable("resume='true' max='120'");
    assert.is(enabled.name, 'enabled');
    assert.is(enabled.attr('resume'), 'true');
    assert.is(enabled.attr('max'), '60');
    assert.is(enabled.attr('location'), '[::1]:5333');
    assert.is(enabled.attr('id'), server.session(client.jid)?.smId);
    assert.is((await client.enable()).name, 'failed');
    const modest = await online('balcony');
    assert.is((await modest.enable("resume='1' max='30'")).attr('max'), '30');
  }));

test('it can be without resumption, by the wish of either', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('orchard');
    assert.equal(Object.keys((await client.enable('')).attrs), []);
    const ended = once(server, 'ended');
    client.destroy();
    await ended;
    server.configure({ sm: { resume: false } });
    const other = await online('balcony');
    assert.equal(Object.keys((await other.enable()).attrs), []);
  }));

test('what was not granted cannot be resumed', () =>
  withServer({}, async (server, connect, online) => {
    const client = await online('orchard');
    await client.enable('');
    const other = await connect();
    await other.login(server.ca);
    assert.is((await other.resume(String(server.session(client.jid)?.smId), 0)).name, 'failed');
  }));

test('it can be unknown', () =>
  withServer({ sm: false }, async (server, connect, online) => {
    const client = await online('orchard');
    assert.is(client.features.find('sm', '*'), undefined);
    assert.ok((await client.enable()).find('feature-not-implemented', '*'));
    const other = await connect();
    await other.login(server.ca);
    assert.ok((await other.resume('x', 0)).find('feature-not-implemented', '*'));
  }));

test('before a resource is bound it is too early', () =>
  withServer({}, async (server, connect) => {
    const client = await connect();
    await client.login(server.ca);
    const failed = await client.enable();
    assert.is(failed.name, 'failed');
    assert.ok(failed.find('unexpected-request', '*'));
    assert.is(await client.bind('a'), 'romeo@localhost/a');
  }));

test('it counts what it handles and says so when asked', () =>
  withServer({ sm: { requestAcks: false } }, async (_, __, online) => {
    const client = await online('orchard');
    await client.enable();
    client.write(
      "<message to='localhost'/> \n<presence type='probe' to='juliet@localhost'/><iq type='result' id='x'/>",
    );
    client.write("<r xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='0'/><message to='localhost'/>");
    client.write("<r xmlns='urn:xmpp:sm:3'/>");
    assert.is((await client.expect('a')).attr('h'), '3');
    assert.is((await client.expect('a')).attr('h'), '4');
  }));

test('it asks for acknowledgement behind a burst, once until the answer', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('orchard');
    await client.enable();
    const session = server.session(client.jid);
    for (const id of [1, 2, 3]) session?.send(message(id));
    for (const name of ['message', 'message', 'message', 'r']) await client.expect(name);
    session?.send(message(4));
    await session?.connection?.flushed();
    assert.is(session?.unacked, 4);
    client.write("<a xmlns='urn:xmpp:sm:3' h='3'/><r xmlns='urn:xmpp:sm:3'/>");
    await client.expect('message');
    await client.expect('a');
    await client.expect('r');
    assert.is(session?.unacked, 1);
  }));

test('a count that is too high ends stream and session', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('orchard');
    await client.enable();
    server.session(client.jid)?.send(message(1));
    client.write("<a xmlns='urn:xmpp:sm:3' h='2'/>");
    await client.expect('message');
    await client.expect('r');
    const error = await client.expect('error');
    assert.ok(error.find('undefined-condition', '*'));
    assert.is(error.find('handled-count-too-high', 'urn:xmpp:sm:3')?.attr('h'), '2');
    assert.is(await client.gone, 'fin');
    assert.equal(server.sessions, []);
  }));

test('a session is resumed: what was not acknowledged comes again, in order, before anything new', () =>
  withServer({}, async (server, connect, online) => {
    const before = await online('orchard');
    const id = (await before.enable()).attr('id') as string;
    before.write("<message to='localhost'/>");
    const session = server.session(before.jid);
    for (const id of [1, 2, 3]) session?.send(message(id));
    await before.expect('message');
    const hibernated = once(server, 'hibernated');
    before.destroy();
    await hibernated;
    assert.ok(session?.hibernating);
    session?.send(message(4));
    const after = await connect();
    await after.login(server.ca);
    const resumed = once(server, 'resumed');
    const answer = await after.resume(id, 1);
    assert.is(String(answer), `<resumed xmlns="urn:xmpp:sm:3" previd="${id}" h="1"/>`);
    assert.equal(await resumed, [session]);
    session?.send(message(5));
    for (const id of [2, 3, 4, 5]) assert.is(await stanza(after), `message ${id}`);
    assert.is(session?.unacked, 4);
    after.write("<a xmlns='urn:xmpp:sm:3' h='5'/><r xmlns='urn:xmpp:sm:3'/>");
    while ((await after.next()).name !== 'a');
    assert.is(session?.unacked, 0);
  }));

test('resumed over a live connection, the old stream gets a conflict', () =>
  withServer({}, async (server, connect, online) => {
    const before = await online('orchard');
    const id = (await before.enable()).attr('id') as string;
    const after = await connect();
    await after.login(server.ca);
    assert.is((await after.resume(id, 0)).name, 'resumed');
    assert.ok((await before.expect('error')).find('conflict', '*'));
    assert.is(await before.gone, 'fin');
    assert.is(server.session('romeo@localhost/orchard')?.connection?.number, 2);
  }));

test('resumed while the old connection is silent', () =>
  withServer({}, async (server, connect, online) => {
    const before = await online('orchard');
    const id = (await before.enable()).attr('id') as string;
    const session = server.session(before.jid);
    session?.connection?.drop('silence');
    session?.send(message(1));
    const after = await connect();
    await after.login(server.ca);
    assert.is((await after.resume(id, 0)).name, 'resumed');
    assert.is(await stanza(after), 'message 1');
  }));

test('a resumption with a count that is too high ends both', () =>
  withServer({}, async (server, connect, online) => {
    const before = await online('orchard');
    const id = (await before.enable()).attr('id') as string;
    const after = await connect();
    await after.login(server.ca);
    assert.ok((await after.resume(id, 1)).find('handled-count-too-high', 'urn:xmpp:sm:3'));
    assert.is(await before.gone, 'fin');
    assert.equal(server.sessions, []);
  }));

test('a session that waited too long is refused with its count, and binding goes on', () =>
  withServer({ sm: { hibernation: 1 } }, async (server, connect, online) => {
    const before = await online('orchard');
    const id = (await before.enable()).attr('id') as string;
    before.write("<message to='localhost'/><message to='localhost'/><r xmlns='urn:xmpp:sm:3'/>");
    await before.expect('a');
    const ended = once(server, 'ended');
    before.destroy();
    await ended;
    const after = await connect();
    await after.login(server.ca);
    const failed = await after.resume(id, 0);
    assert.is(failed.attr('h'), '2');
    assert.ok(failed.find('item-not-found', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
    assert.is(await after.bind('orchard'), 'romeo@localhost/orchard');
  }));

test('an unknown session, and that of somebody else, is refused without a count', () =>
  withServer({}, async (server, connect, online) => {
    const romeo = await online('orchard');
    const id = (await romeo.enable()).attr('id') as string;
    const juliet = await connect();
    await juliet.login(server.ca, { username: 'juliet' });
    for (const previd of [id, 'unknown', '']) {
      const failed = await juliet.resume(previd, 0);
      assert.is(failed.name, 'failed');
      assert.is(failed.attr('h'), undefined);
    }
  }));

test('a restart may keep the sessions, or lose them', () =>
  withServer({}, async (server, connect, online) => {
    const before = await online('orchard');
    const id = (await before.enable()).attr('id') as string;
    await server.restart({ keepSessions: true });
    const after = await connect();
    await after.login(server.ca);
    assert.is((await after.resume(id, 0)).name, 'resumed');
    await server.restart();
    const last = await connect();
    await last.login(server.ca);
    const failed = await last.resume(id, 0);
    assert.is(failed.name, 'failed');
    assert.is(failed.attr('h'), undefined);
  }));

test('counters go round at 2^32', () =>
  withServer({ sm: { countFrom: 2 ** 32 - 1 } }, async (server, connect, online) => {
    const before = await online('orchard');
    const id = (await before.enable()).attr('id') as string;
    const session = server.session(before.jid);
    before.write("<message to='localhost'/><message to='localhost'/><r xmlns='urn:xmpp:sm:3'/>");
    assert.is((await before.expect('a')).attr('h'), '1');
    for (const id of [1, 2, 3]) session?.send(message(id));
    before.write("<a xmlns='urn:xmpp:sm:3' h='0'/><r xmlns='urn:xmpp:sm:3'/>");
    while ((await before.next()).name !== 'a');
    assert.is(session?.unacked, 2);
    before.destroy();
    const after = await connect();
    await after.login(server.ca);
    assert.is((await after.resume(id, 1)).attr('h'), '1');
    assert.is(await stanza(after), 'message 3');
  }));

test('what a lost session never got goes back to its sender', () =>
  withServer({ sm: { hibernation: 1 } }, async (server, _, online) => {
    const romeo = await online('orchard');
    const juliet = await online('balcony', { username: 'juliet' });
    await romeo.enable();
    server.session(romeo.jid)?.connection?.drop('silence');
    juliet.write(`<message to='${romeo.jid}' id='m1' type='chat'><body>hi</body></message>`);
    await server.next('message');
    romeo.destroy();
    server.session(romeo.jid)?.connection?.drop('rst');
    const bounced = await juliet.expect('message');
    assert.is(bounced.attr('type'), 'error');
    assert.is(bounced.attr('id'), 'm1');
    assert.is(bounced.attr('from'), 'romeo@localhost/orchard');
    assert.ok(bounced.find('error')?.find('recipient-unavailable', '*'));
  }));

test('text is counted as one stanza', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('orchard');
    await client.enable();
    const session = server.session(client.jid);
    session?.send('<message id="raw"/>');
    assert.is(await stanza(client), 'message raw');
    assert.is(session?.unacked, 1);
  }));

test.run();
