/** D-07 to D-22 over sockets, E-27 and E-28, and what is discovered by itself. */
import * as assert from 'uvu/assert';
import {
  ConnectionError,
  DiscoInfo,
  disco,
  JID as Jid,
  JidError,
  ReplyError,
  StanzaError,
  StateError,
  TimeoutError,
  xml,
} from '../../src/index.ts';
import { failure, result } from '../../src/testing/replies.ts';
import { Desk, discovering, feature, INFO, ITEMS, refusal } from './disco-rig.ts';
import { JID, sleep, sockets } from './rig.ts';

const test = sockets('sockets/disco');

test('D-07, D-53: somebody is asked and what is said is read, in the language of the stream', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const query = disco.queryInfo('LOCALHOST', { node: 'n' });
  const asked = await desk.at(0);
  assert.equal([asked.to, asked.node], ['localhost', 'n']);
  asked.answer(xml`<identity category="server" type="im" name="x"/>`, feature('urn:a'));
  const info = await query;
  assert.equal([info.node, [...info.features]], ['n', ['urn:a']]);
  assert.equal(info.identities, [{ category: 'server', type: 'im', name: 'x', lang: 'en' }]);
  assert.ok(info.element?.is('query', INFO));
});

test('D-07: what is no JID, and who refuses', async (rig) => {
  const { disco, desk } = await discovering(rig);
  assert.instance(await refusal(disco.queryInfo('@')), JidError);
  const query = disco.queryInfo(JID);
  (await desk.at(0)).refuse('not-allowed');
  const error = await refusal(query);
  assert.instance(error, StanzaError);
  assert.is(error.condition, 'not-allowed');
});

test('malformed replies are typed errors', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const bad = [xml`<identity category="client"/>`, xml`<feature/>`, xml`<identity category="" type=""/>`];
  for (const [index, child] of bad.entries()) {
    const query = disco.queryInfo(JID);
    (await desk.at(index)).answer(child);
    assert.instance(await refusal(query), ReplyError);
  }
  const items = disco.queryItems(JID);
  (await desk.at(3)).answer(xml`<item/>`);
  assert.instance(await refusal(items), ReplyError);
});

test('D-08, D-09, D-15: one request for everybody who asks the same, of each kind', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const infos = [disco.queryInfo(JID), disco.queryInfo(Jid.parse(JID)), disco.queryInfo('ROMEO@localhost')];
  const items = [disco.queryItems(JID), disco.queryItems(JID)];
  (await desk.at(0)).answer(feature('urn:a'));
  (await desk.at(1)).answer(xml`<item jid="x"/>`);
  const [info] = await Promise.all(infos);
  const [list] = await Promise.all(items);
  assert.is(await disco.queryInfo(JID), info);
  assert.is(await disco.queryItems(JID), list);
  assert.is(desk.asked.length, 2);
  disco.queryInfo(JID, { node: 'n' });
  await desk.at(2);
});

test('D-10: requireFresh asks again, and is what is known from then on', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const [old, fresh] = [disco.queryInfo(JID), disco.queryInfo(JID, { requireFresh: true })];
  (await desk.at(1)).answer(feature('urn:new'));
  (await desk.at(0)).answer(feature('urn:old'));
  assert.ok((await old).features.has('urn:old'));
  assert.ok((await fresh).features.has('urn:new'));
  assert.is(await disco.queryInfo(JID), await fresh);
});

test('D-11, E-27: everybody hears the same of a lost session, and what was known is gone', async (rig) => {
  const { client, disco, desk } = await discovering(rig, { streamManagement: false });
  const known = disco.queryInfo(JID, { node: 'known' });
  (await desk.at(0)).answer(feature('urn:a'));
  await known;
  const waiting = [
    disco.queryInfo(JID),
    disco.queryInfo(JID),
    disco.queryInfo(JID, { requireFresh: true }),
    disco.queryInfo(JID, { node: 'n', noCache: true }),
    disco.queryItems(JID),
  ];
  await desk.at(4);
  disco.flush();
  await client.stop();
  const errors = await Promise.all(waiting.map(refusal));
  for (const error of errors) {
    assert.instance(error, ConnectionError);
    assert.is(error, errors[0]);
  }
  await client.start();
  disco.queryInfo(JID, { node: 'known' });
  assert.is((await desk.at(5)).node, 'known');
});

test('E-27: retryOnNewSession waits for the next session instead', async (rig) => {
  const { client, disco, desk, sockets } = await discovering(rig, { streamManagement: false });
  const patient = [
    disco.queryInfo(JID, { retryOnNewSession: true }),
    disco.queryInfo(JID, { retryOnNewSession: true }),
  ];
  const impatient = disco.queryInfo(JID);
  await desk.at(0);
  sockets.at(-1)?.destroy();
  assert.instance(await refusal(impatient), ConnectionError);
  (await desk.at(1)).answer(feature('urn:a'));
  const [one, two] = await Promise.all(patient);
  assert.is(one, two);
  assert.is(desk.asked.length, 2);
  const last = disco.queryItems(JID, { retryOnNewSession: true });
  await desk.at(2);
  await client.stop();
  assert.instance(await refusal(last), ConnectionError);
});

test('E-27: who waits for the next session hears of the end of the run', async (rig) => {
  const { client, disco, desk, sockets, journal } = await discovering(rig, {
    streamManagement: false,
    backoff: { start: 60_000, factor: 1, cap: 60_000 },
    random: () => 0.9,
  });
  const controller = new AbortController();
  const waiting = disco.queryInfo(JID, { retryOnNewSession: true });
  const aborted = disco.queryInfo(JID, { retryOnNewSession: true, signal: controller.signal });
  await desk.at(0);
  sockets.at(-1)?.destroy();
  await journal.until('waiting 1 network');
  controller.abort(new Error('enough'));
  assert.is((await refusal(aborted)).message, 'enough');
  await client.stop();
  assert.instance(await refusal(waiting), ConnectionError);
});

test('E-27: who waits for the first session hears of the end of the run, too', async (rig) => {
  const server = await rig.server();
  const { client } = rig.client(server);
  const d = client.use(disco);
  server.faults.add({ drop: 'rst', when: 'connect' });
  const starting = client.start();
  const waiting = d.queryInfo(JID, { retryOnNewSession: true });
  await client.stop();
  assert.instance(await refusal(waiting), ConnectionError);
  await refusal(starting);
});

test('a resumption loses neither what is known nor who waits', async (rig) => {
  const { disco, desk, sockets, journal } = await discovering(rig);
  const known = disco.queryInfo(JID, { node: 'known' });
  (await desk.at(0)).answer(feature('urn:a'));
  const waiting = disco.queryInfo(JID);
  const asked = await desk.at(1);
  const discovery = await disco.discovered();
  sockets.at(-1)?.destroy();
  await journal.until('online again');
  asked.answer(feature('urn:b'));
  assert.ok((await waiting).features.has('urn:b'));
  assert.is(await disco.queryInfo(JID, { node: 'known' }), await known);
  assert.is(desk.asked.length, 2);
  assert.equal(disco.discovery, discovery);
});

test('D-12: noCache leaves nothing behind, and takes what is there', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const once = disco.queryInfo(JID, { noCache: true });
  (await desk.at(0)).answer(feature('urn:a'));
  await once;
  const kept = disco.queryInfo(JID);
  (await desk.at(1)).answer(feature('urn:b'));
  assert.is(await disco.queryInfo(JID, { noCache: true }), await kept);
});

test('D-13, E-28: a timeout is that of one wait, and the others go on', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const controller = new AbortController();
  const patient = disco.queryInfo(JID);
  const impatient = disco.queryInfo(JID, { timeout: 1 });
  const aborted = disco.queryInfo(JID, { signal: controller.signal });
  controller.abort(new Error('enough'));
  assert.instance(await refusal(impatient), TimeoutError);
  assert.is((await refusal(aborted)).message, 'enough');
  (await desk.at(0)).answer(feature('urn:a'));
  assert.ok((await patient).features.has('urn:a'));
  assert.is(desk.asked.length, 1);
});

test('E-28: who asked first and is the first to leave takes nothing with them', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const first = disco.queryInfo(JID, { timeout: 1 });
  const second = disco.queryInfo(JID);
  assert.instance(await refusal(first), TimeoutError);
  (await desk.at(0)).answer(feature('urn:a'));
  assert.ok((await second).features.has('urn:a'));
  assert.is(desk.asked.length, 1);
});

test('a question that nobody waits for any more is asked again', async (rig) => {
  const { disco, desk } = await discovering(rig);
  assert.instance(await refusal(disco.queryInfo(JID, { timeout: 1 })), TimeoutError);
  const again = disco.queryInfo(JID);
  (await desk.at(1)).answer(feature('urn:new'));
  assert.ok((await again).features.has('urn:new'));
});

test('D-14: a failure is shared, and forgotten', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const waiting = [disco.queryInfo(JID), disco.queryInfo(JID)];
  (await desk.at(0)).refuse('not-allowed');
  const [one, two] = await Promise.all(waiting.map(refusal));
  assert.is(one, two);
  const later = disco.queryInfo(JID);
  (await desk.at(1)).answer(feature('urn:a'));
  await later;
});

test('D-16, D-17: it can be told what the answer is, or will be', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const value = new DiscoInfo({ features: ['urn:value'] });
  disco.primeInfo(JID, value);
  assert.is(await disco.queryInfo(JID), value);
  const waiting = disco.queryInfo(JID, { node: 'n' });
  await desk.at(0);
  let resolve: (info: DiscoInfo) => void = () => {};
  disco.primeInfo(JID, new Promise((done) => (resolve = done)), 'n');
  const primed = disco.queryInfo(JID, { node: 'n' });
  resolve(value);
  assert.is(await primed, value);
  (await desk.at(0)).answer(feature('urn:a'));
  assert.ok((await waiting).features.has('urn:a'));
  const fresh = disco.queryInfo(JID, { node: 'n', requireFresh: true });
  (await desk.at(1)).answer(feature('urn:b'));
  assert.ok((await fresh).features.has('urn:b'));
  assert.is(await disco.queryInfo(JID, { node: 'n' }), await fresh);
  disco.forgetInfo(JID);
  disco.queryInfo(JID);
  await desk.at(2);
});

test('D-18: what it was told and is no good stays, until somebody asks anew', async (rig) => {
  const { disco, desk } = await discovering(rig);
  disco.primeInfo(JID, Promise.reject(new Error('no good')));
  disco.primeInfo(JID, Promise.reject(new Error('nobody asks')), 'n');
  for (let round = 0; round < 2; round += 1) {
    assert.is((await refusal(disco.queryInfo(JID))).message, 'no good');
  }
  const fresh = disco.queryInfo(JID, { requireFresh: true });
  (await desk.at(0)).answer(feature('urn:a'));
  await fresh;
  assert.is(await disco.queryInfo(JID), await fresh);
});

test('D-19, D-20: so much is kept and no more, as the application likes', async (rig) => {
  const { disco, desk } = await discovering(rig);
  assert.equal([disco.infoLimit, disco.itemsLimit], [10_000, 100]);
  disco.infoLimit = 2;
  disco.itemsLimit = 1;
  const value = new DiscoInfo({});
  for (const node of ['a', 'b', 'c']) disco.primeInfo(JID, value, node);
  assert.is(await disco.queryInfo(JID, { node: 'b' }), value);
  assert.is(await disco.queryInfo(JID, { node: 'c' }), value);
  disco.queryInfo(JID, { node: 'a' });
  assert.is((await desk.at(0)).node, 'a');
  for (const [index, node] of ['x', 'y', 'x'].entries()) {
    const query = disco.queryItems(JID, { node });
    (await desk.at(index + 1)).answer();
    await query;
  }
  assert.equal([disco.infoLimit, disco.itemsLimit], [2, 1]);
});

test('D-21: after a flush who waits goes on waiting, and who comes asks anew', async (rig) => {
  const { disco, desk } = await discovering(rig);
  const before = disco.queryInfo(JID);
  await desk.at(0);
  disco.flush();
  const after = disco.queryInfo(JID);
  (await desk.at(1)).answer(feature('urn:new'));
  (await desk.at(0)).answer(feature('urn:old'));
  assert.ok((await before).features.has('urn:old'));
  assert.ok((await after).features.has('urn:new'));
});

test('D-22: the server, and what is home at the own account', async (rig) => {
  const { client, disco, desk } = await discovering(rig);
  assert.ok((await disco.queryInfo(client.jid.domain)).features.has('urn:example:server'));
  const resources = disco.queryItems(client.jid.bare);
  (await desk.at(0)).answer(xml`<item jid="${client.jid}"/>`);
  assert.ok((await resources).items[0]?.jid.equals(client.jid));
});

test('the server and its items are asked by themselves, and what they can do is found', async (rig) => {
  const answers: Record<string, string> = { n: 'urn:example:upload', m: 'urn:example:muc' };
  const server = await rig.server({
    services: {
      [INFO]: (request) => {
        const node = request.elements[0]?.attr('node') ?? '';
        if (node === 'broken') return failure(request, 'not-allowed');
        const feature = answers[node] ?? 'urn:example:server';
        const form = xml`
          <x xmlns="jabber:x:data" type="result">
            <field var="FORM_TYPE" type="hidden"><value>${feature}</value></field>
            <field var="max"><value>10</value></field>
          </x>`;
        return result(request, xml`<query xmlns="${INFO}"><feature var="${feature}"/>${form}</query>`);
      },
      [ITEMS]: (request) =>
        result(
          request,
          xml`<query xmlns="${ITEMS}">
            <item jid="localhost" node="n" name="Upload"/>
            <item jid="localhost" node="m"/>
            <item jid="localhost" node="broken"/>
          </query>`,
        ),
    },
  });
  const { client } = rig.client(server);
  const d = client.use(disco);
  assert.equal([d.discovery, d.find('urn:example:upload')], [null, []]);
  assert.instance(await refusal(d.discovered()), ConnectionError);
  await client.start();
  const discovery = await d.discovered();
  assert.ok(discovery.complete);
  assert.equal(discovery.failures, [{ jid: 'localhost', node: 'broken', about: 'info', condition: 'not-allowed' }]);
  const [upload, ...others] = d.find('urn:example:upload');
  assert.equal(others, []);
  assert.equal([upload?.jid, upload?.node, upload?.name], ['localhost', 'n', 'Upload']);
  assert.equal(upload?.info.forms, [{ formType: 'urn:example:upload', fields: [{ name: 'max', values: ['10'] }] }]);
  assert.equal(
    d.find('urn:example:server').map(({ jid, node }) => [jid, node]),
    [['localhost', null]],
  );
  assert.equal(JSON.parse(JSON.stringify(discovery)), discovery);
  answers.n = 'urn:example:other';
  d.refresh();
  assert.not((d.discovery ?? discovery).complete);
  await d.discovered();
  assert.equal([d.find('urn:example:upload').length, d.find('urn:example:other').length], [0, 1]);
  await client.stop();
  assert.is(d.discovery, null);
  await client.start();
  await d.discovered();
  assert.is(d.find('urn:example:other').length, 1);
});

test('who says "later" is asked again, who says "no" is not', async (rig) => {
  let asked = 0;
  const server = await rig.server({
    services: {
      [INFO]: (request) => {
        asked += 1;
        return asked === 1
          ? failure(request, 'recipient-unavailable')
          : result(request, xml`<query xmlns="${INFO}"><feature var="urn:example:late"/></query>`);
      },
      [ITEMS]: (request) => failure(request, 'not-allowed'),
    },
  });
  const { client } = rig.client(server);
  const d = client.use(disco);
  await client.start();
  const { failures } = await d.discovered();
  assert.is(d.find('urn:example:late').length, 1);
  assert.equal(failures, [{ jid: 'localhost', node: null, about: 'items', condition: 'not-allowed' }]);
  assert.is(asked, 2);
});

test('a client that stops while an item is asked again leaves nothing behind', async (rig) => {
  let asked = 0;
  let again: () => void = () => {};
  const askedAgain = new Promise<void>((resolve) => (again = resolve));
  const server = await rig.server({
    services: {
      [INFO]: (request) => {
        if (request.elements[0]?.attr('node') === undefined) return result(request, xml`<query xmlns="${INFO}"/>`);
        asked += 1;
        if (asked === 2) again();
        return failure(request, 'recipient-unavailable');
      },
      [ITEMS]: (request) => result(request, xml`<query xmlns="${ITEMS}"><item jid="localhost" node="n"/></query>`),
    },
  });
  const { client } = rig.client(server);
  client.use(disco);
  await client.start();
  await askedAgain;
  // Its answer has come, and the next question waits for its time.
  await client.probe();
  await client.stop();
});

test('nobody waits for a service that is gone', async (rig) => {
  const {
    client,
    disco: d,
    desk,
    sockets,
    journal,
  } = await discovering(rig, {
    streamManagement: false,
    backoff: { start: 60_000, factor: 1, cap: 60_000 },
    random: () => 0.9,
  });
  const known = d.queryInfo(JID, { node: 'waits for a session', retryOnNewSession: true });
  await desk.at(0);
  sockets.at(-1)?.destroy();
  await journal.until('waiting 1 network');
  const waiting = [known, d.queryInfo(JID, { retryOnNewSession: true }), d.discovered()];
  client.remove(disco);
  for (const error of await Promise.all(waiting.map(refusal))) assert.instance(error, StateError);
});

test('a client that stops while the server is asked leaves nothing behind', async (rig) => {
  const desk = new Desk();
  const server = await rig.server({
    services: {
      ...desk.services,
      [INFO]: (request) => failure(request, 'recipient-unavailable'),
      [ITEMS]: () => undefined,
    },
  });
  const { client } = rig.client(server);
  const d = client.use(disco);
  await client.start();
  const waiting = d.discovered();
  const bounded = d.discovered({ timeout: 1 });
  assert.instance(await refusal(bounded), TimeoutError);
  await sleep(5);
  await client.stop();
  assert.instance(await refusal(waiting), ConnectionError);
  client.remove(disco);
  await client.start();
  assert.is(d.discovery, null);
});

test.run();
