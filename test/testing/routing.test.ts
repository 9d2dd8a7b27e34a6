import * as assert from 'uvu/assert';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { withServer } from './fixture.ts';
import type { RawClient } from './raw-client.ts';

const test = suite('test server: routing');

const JULIET = { username: 'juliet' };

/** The condition of a stanza error. */
async function refusal(client: RawClient): Promise<string> {
  const stanza = await client.next();
  assert.is(stanza.attr('type'), 'error');
  return `${stanza.name} ${stanza.attr('id')} ${stanza.find('error')?.elements[0]?.name}`;
}

/** Makes a client available and waits until it is: its own presence comes back. */
async function available(client: RawClient & { jid: string }, inner = ''): Promise<void> {
  client.write(`<presence>${inner}</presence>`);
  while ((await client.expect('presence')).attr('from') !== client.jid);
}

test('a message to a full JID arrives with its sender stamped', () =>
  withServer({}, async (_, __, online) => {
    const romeo = await online('orchard');
    const juliet = await online('balcony', JULIET);
    romeo.write(
      `<message to='${juliet.jid}' from='tybalt@localhost/x' id='m' type='chat'><body>a&amp;b</body></message>`,
    );
    const message = await juliet.expect('message');
    assert.equal({ ...message.attrs }, { to: juliet.jid, from: romeo.jid, id: 'm', type: 'chat' });
    assert.is(message.find('body')?.text, 'a&b');
    romeo.write("<message to='JULIET@LocalHost/balcony' id='n'/>");
    assert.is((await juliet.expect('message')).attr('id'), 'n');
  }));

test('stanzas of a burst arrive in order', () =>
  withServer({}, async (_, __, online) => {
    const romeo = await online('orchard');
    const juliet = await online('balcony', JULIET);
    let burst = '';
    for (let id = 0; id < 1000; id += 1) burst += `<message to='${juliet.jid}' id='${id}'/>`;
    romeo.write(burst);
    for (let id = 0; id < 1000; id += 1) assert.is((await juliet.next()).attr('id'), String(id));
    assert.ok(juliet.chunks.length < 200, 'writes of a tick are one write');
  }));

test('a message to a bare JID goes to the most available session', () =>
  withServer({}, async (server, _, online) => {
    const romeo = await online('orchard');
    const low = await online('low', JULIET);
    const high = await online('high', JULIET);
    const never = await online('never', JULIET);
    await available(low);
    await available(high, '<priority>5</priority>');
    await available(never, '<priority>-1</priority>');
    const next = async (client: RawClient) => {
      for (;;) {
        const stanza = await client.next();
        if (stanza.name === 'message') return stanza.attr('id');
      }
    };
    romeo.write("<message to='juliet@localhost' id='1'/><message to='juliet@localhost/gone' id='2'/>");
    assert.equal([await next(high), await next(high)], ['1', '2']);
    server.configure({ bareMessages: 'all' });
    romeo.write("<message to='juliet@localhost' id='3'/>");
    assert.equal([await next(high), await next(low)], ['3', '3']);
    server.configure({ bareMessages: 'highest' });
    romeo.write("<message to='juliet@localhost' id='4' type='headline'/>");
    assert.equal([await next(high), await next(low)], ['4', '4']);
    romeo.write(`<message to='juliet@localhost' id='e' type='error'/><message to='${never.jid}' id='5'/>`);
    assert.is(await next(never), '5');
    romeo.write("<message to='juliet@localhost' id='6'/>");
    assert.is(await next(high), '6');
  }));

test('nobody there: errors where errors are due', () =>
  withServer({}, async (_, __, online) => {
    const romeo = await online('orchard');
    await online('balcony', JULIET);
    const send = (stanza: string) => {
      romeo.write(stanza);
      return refusal(romeo);
    };
    assert.is(await send("<message to='juliet@localhost' id='1'/>"), 'message 1 service-unavailable');
    assert.is(await send("<message to='nobody@localhost/x' id='2' type='chat'/>"), 'message 2 service-unavailable');
    assert.is(await send("<message to='juliet@localhost' id='3' type='groupchat'/>"), 'message 3 service-unavailable');
    assert.is(await send("<message to='a@elsewhere.test' id='4'/>"), 'message 4 remote-server-not-found');
    assert.is(await send("<message to='@' id='5'/>"), 'message 5 jid-malformed');
    const iq = (to: string, id: number) => `<iq type='get' to='${to}' id='${id}'><a xmlns='urn:a'/></iq>`;
    assert.is(await send(iq('juliet@localhost', 6)), 'iq 6 service-unavailable');
    assert.is(await send(iq('juliet@localhost/gone', 7)), 'iq 7 service-unavailable');
    assert.is(await send(iq('localhost', 8)), 'iq 8 service-unavailable');
    romeo.write(
      "<message to='juliet@localhost' type='error' id='a'/><message to='juliet@localhost' type='headline' id='b'/>" +
        "<message to='juliet@localhost/gone' type='headline' id='c'/><message to='localhost' id='d'/>" +
        "<iq to='juliet@localhost/gone' type='result' id='e'/><iq to='juliet@localhost' type='error' id='f'/>" +
        "<iq type='result' id='g'/><presence to='nobody@localhost' id='h'/>",
    );
    assert.is(await send(iq('localhost', 9)), 'iq 9 service-unavailable');
  }));

test('an IQ goes to a full JID and its answer comes back', () =>
  withServer({}, async (_, __, online) => {
    const romeo = await online('orchard');
    const juliet = await online('balcony', JULIET);
    romeo.write(`<iq type='get' to='${juliet.jid}' id='q'><ping xmlns='urn:xmpp:ping'/></iq>`);
    const request = await juliet.expect('iq');
    assert.is(request.attr('from'), romeo.jid);
    juliet.write(`<iq type='result' to='${romeo.jid}' id='q'/>`);
    assert.is((await romeo.expect('iq')).attr('from'), juliet.jid);
  }));

test('the server answers for itself and for the account', () =>
  withServer({}, async (_, __, online) => {
    const romeo = await online('orchard');
    const ask = (payload: string, to = "to='localhost'", type = 'get') => {
      romeo.write(`<iq type='${type}' id='q' ${to}>${payload}</iq>`);
      return romeo.expect('iq');
    };
    const server = await ask("<query xmlns='http://jabber.org/protocol/disco#info'/>");
    assert.is(server.attr('from'), 'localhost');
    assert.is(server.attr('to'), romeo.jid);
    const info = server.find('query', '*');
    assert.is(info?.find('identity')?.attr('category'), 'server');
    const features = info?.filter('feature').map((feature) => feature.attr('var'));
    assert.ok(features?.includes('urn:xmpp:ping'));
    assert.ok(features?.includes('http://jabber.org/protocol/disco#info'));
    const account = await ask("<query xmlns='http://jabber.org/protocol/disco#info'/>", "to='romeo@localhost'");
    assert.is(account.find('query', '*')?.find('identity')?.attr('category'), 'account');
    const items = await ask("<query xmlns='http://jabber.org/protocol/disco#items'/>");
    assert.equal(items.find('query', '*')?.children, []);
    const node = await ask("<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>");
    assert.ok(node.find('error')?.find('item-not-found', '*'));
    assert.is((await ask("<ping xmlns='urn:xmpp:ping'/>")).attr('type'), 'result');
    assert.is((await ask("<ping xmlns='urn:xmpp:ping'/>", '')).attr('from'), undefined);
    const version = (await ask("<query xmlns='jabber:iq:version'/>")).find('query', '*');
    assert.ok(version?.find('name')?.text);
    assert.ok(version?.find('version')?.text);
    assert.equal((await ask("<query xmlns='jabber:iq:roster'/>", '')).find('query', '*')?.children, []);
    assert.is((await ask("<query xmlns='jabber:iq:roster'/>", '', 'set')).attr('type'), 'error');
    assert.ok((await ask('')).find('error')?.find('bad-request', '*'));
    assert.ok((await ask("<a xmlns='constructor'/>")).find('error')?.find('service-unavailable', '*'));
  }));

test('a test can answer for itself', () =>
  withServer({}, async (server, _, online) => {
    const romeo = await online('orchard');
    server.configure({
      services: {
        'urn:a': (request) => el('iq', { type: 'result', id: request.attr('id') }, el('a', { xmlns: 'urn:a' }, '!')),
        'urn:xmpp:ping': (request, session) => {
          setImmediate(() => session.send(el('iq', { type: 'result', id: request.attr('id'), from: 'late' })));
          return undefined;
        },
      },
    });
    romeo.write("<iq type='get' id='1'><a xmlns='urn:a'/></iq>");
    assert.is((await romeo.expect('iq')).find('a', 'urn:a')?.text, '!');
    romeo.write("<iq type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert.is((await romeo.expect('iq')).attr('from'), 'late');
  }));

test('a service that throws is a defect of the test, and ends the connection', async () => {
  let seen: unknown;
  await withServer({ services: { 'urn:a': () => JSON.parse('{') } }, async (server, _, online) => {
    const romeo = await online('orchard');
    romeo.write("<iq type='get' id='1'><a xmlns='urn:a'/></iq>");
    await romeo.gone;
    seen = server.errors.pop();
  });
  assert.instance(seen, SyntaxError);
});

test('presence is seen by everybody who is available', () =>
  withServer({}, async (server, _, online) => {
    const romeo = await online('orchard');
    const juliet = await online('balcony', JULIET);
    const shy = await online('shy');
    romeo.write('<presence><show>away</show></presence>');
    const own = await romeo.expect('presence');
    assert.is(own.attr('from'), romeo.jid);
    assert.is(own.find('show')?.text, 'away');
    juliet.write('<presence/>');
    assert.is((await romeo.expect('presence')).attr('from'), juliet.jid);
    assert.is((await juliet.expect('presence')).attr('from'), juliet.jid);
    const known = await juliet.expect('presence');
    assert.is(known.attr('from'), romeo.jid);
    assert.is(known.find('show')?.text, 'away');
    // Who was never available cannot become unavailable.
    shy.write("<presence type='unavailable'/><iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
    await shy.expect('iq');
    romeo.write('<presence/>');
    assert.is((await juliet.expect('presence')).find('show'), undefined);
    await romeo.expect('presence');
    juliet.write("<presence type='unavailable'/>");
    assert.is((await romeo.expect('presence')).attr('type'), 'unavailable');
    assert.is((await juliet.expect('presence')).attr('type'), 'unavailable');
    assert.is(server.session(juliet.jid)?.presence, undefined);
    shy.write("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
    await shy.expect('iq');
  }));

test('a session that ends is unavailable, one that hibernates is not', () =>
  withServer({ sm: { hibernation: 1 } }, async (server, _, online) => {
    const romeo = await online('orchard');
    const juliet = await online('balcony', JULIET);
    await available(romeo);
    await available(juliet);
    await romeo.expect('presence');
    juliet.destroy();
    const gone = await romeo.expect('presence');
    assert.equal([gone.attr('from'), gone.attr('type')], [juliet.jid, 'unavailable']);
    server.configure({ sm: { hibernation: 60_000 } });
    const again = await online('balcony', JULIET);
    await again.enable();
    await available(again);
    await romeo.expect('presence');
    server.session(again.jid)?.connection?.drop('rst');
    await again.gone;
    assert.ok(server.session(again.jid)?.presence);
    server.session(again.jid)?.end();
    assert.is((await romeo.expect('presence')).attr('type'), 'unavailable');
  }));

test('presence can be directed, and asked for', () =>
  withServer({}, async (_, __, online) => {
    const romeo = await online('orchard');
    const juliet = await online('balcony', JULIET);
    romeo.write("<presence to='juliet@localhost' type='subscribe'/>");
    const request = await juliet.expect('presence');
    assert.equal([request.attr('type'), request.attr('from')], ['subscribe', romeo.jid]);
    romeo.write(`<presence to='${juliet.jid}'/>`);
    assert.is((await juliet.expect('presence')).attr('to'), juliet.jid);
    await available(juliet, '<show>dnd</show>');
    romeo.write("<presence to='juliet@localhost' type='probe'/>");
    assert.is((await romeo.expect('presence')).find('show')?.text, 'dnd');
  }));

test.run();
