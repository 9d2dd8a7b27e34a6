/** The examples of XEP-0115 and XEP-0390, and what must not pass for one. */
import * as assert from 'uvu/assert';
import { DiscoInfo, type Element, xml } from '../../src/index.ts';
import { readCapability } from '../../src/services/caps.ts';
import { CapsError, hashInput, hashOf, verificationInput, verified } from '../../src/services/caps-hash.ts';
import { suite } from '../harness.ts';

const INFO = 'http://jabber.org/protocol/disco#info';

const test = suite('services/caps');

/** An answer with these features, one a line, and what else there is. */
const query = (features: string, ...others: Element[]): Element => {
  const list = features.trim().split(/\s+/).filter(Boolean);
  return xml`<query xmlns="${INFO}">${others}${list.map((name) => xml`<feature var="${name}"/>`)}</query>`;
};

const BOMBUS = query(
  `
  http://jabber.org/protocol/si
  http://jabber.org/protocol/bytestreams
  http://jabber.org/protocol/chatstates
  http://jabber.org/protocol/disco#info
  http://jabber.org/protocol/disco#items
  urn:xmpp:ping
  jabber:iq:time
  jabber:iq:privacy
  jabber:iq:version
  http://jabber.org/protocol/rosterx
  urn:xmpp:time
  jabber:x:oob
  http://jabber.org/protocol/ibb
  http://jabber.org/protocol/si/profile/file-transfer
  urn:xmpp:receipts
  jabber:iq:roster
  jabber:iq:last
`,
  xml`<identity category="client" name="BombusMod" type="mobile"/>`,
);

const TKABBER = query(
  `
  games:board
  http://jabber.org/protocol/activity
  http://jabber.org/protocol/activity+notify
  http://jabber.org/protocol/bytestreams
  http://jabber.org/protocol/chatstates
  http://jabber.org/protocol/commands
  http://jabber.org/protocol/disco#info
  http://jabber.org/protocol/disco#items
  http://jabber.org/protocol/evil
  http://jabber.org/protocol/feature-neg
  http://jabber.org/protocol/geoloc
  http://jabber.org/protocol/geoloc+notify
  http://jabber.org/protocol/ibb
  http://jabber.org/protocol/iqibb
  http://jabber.org/protocol/mood
  http://jabber.org/protocol/mood+notify
  http://jabber.org/protocol/rosterx
  http://jabber.org/protocol/si
  http://jabber.org/protocol/si/profile/file-transfer
  http://jabber.org/protocol/tune
  http://www.facebook.com/xmpp/messages
  http://www.xmpp.org/extensions/xep-0084.html#ns-metadata+notify
  jabber:iq:avatar
  jabber:iq:browse
  jabber:iq:dtcp
  jabber:iq:filexfer
  jabber:iq:ibb
  jabber:iq:inband
  jabber:iq:jidlink
  jabber:iq:last
  jabber:iq:oob
  jabber:iq:privacy
  jabber:iq:roster
  jabber:iq:time
  jabber:iq:version
  jabber:x:data
  jabber:x:event
  jabber:x:oob
  urn:xmpp:avatar:metadata+notify
  urn:xmpp:ping
  urn:xmpp:receipts
  urn:xmpp:time
`,
  xml`<identity category="client" name="Tkabber" type="pc" xml:lang="en"/>`,
  xml`<identity category="client" name="Ткаббер" type="pc" xml:lang="ru"/>`,
  form('urn:xmpp:dataforms:softwareinfo', {
    software: ['Tkabber'],
    software_version: ['0.11.1-svn-20111216-mod (Tcl/Tk 8.6b2)'],
    os: ['Windows'],
    os_version: ['XP'],
  }),
);

const MUC = `
  http://jabber.org/protocol/muc
  http://jabber.org/protocol/disco#items
  http://jabber.org/protocol/disco#info
  http://jabber.org/protocol/caps
`;
const EXODUS = query(MUC, xml`<identity category="client" name="Exodus 0.9.1" type="pc"/>`);
const PSI = query(
  MUC,
  xml`<identity xml:lang="en" category="client" name="Psi 0.11" type="pc"/>`,
  xml`<identity xml:lang="el" category="client" name="Ψ 0.11" type="pc"/>`,
  form('urn:xmpp:dataforms:softwareinfo', {
    software: ['Psi'],
    ip_version: ['ipv6', 'ipv4'],
    os: ['Mac'],
    os_version: ['10.5.1'],
    software_version: ['0.11'],
  }),
);

function form(type: string, fields: Readonly<Record<string, readonly string[]>>): Element {
  return xml`
    <x xmlns="jabber:x:data" type="result">
      <field var="FORM_TYPE" type="hidden"><value>${type}</value></field>
      ${Object.entries(fields).map(([name, values]) => xml`<field var="${name}">${values.map((value) => xml`<value>${value}</value>`)}</field>`)}
    </x>`;
}

test('D-56: the simple example of XEP-0115', () => {
  assert.is(
    verificationInput(EXODUS).toString(),
    'client/pc//Exodus 0.9.1<http://jabber.org/protocol/caps<http://jabber.org/protocol/disco#info<' +
      'http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<',
  );
  assert.is(hashOf('XEP-0115', 'sha-1', EXODUS, 'own'), 'QgayPKawpkPSDYmwT/WM94uAlu0=');
});

test('D-56: the complex example of XEP-0115, with languages and a form', () => {
  assert.is(
    verificationInput(PSI).toString(),
    'client/pc/el/Ψ 0.11<client/pc/en/Psi 0.11<http://jabber.org/protocol/caps<' +
      'http://jabber.org/protocol/disco#info<http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<' +
      'urn:xmpp:dataforms:softwareinfo<ip_version<ipv4<ipv6<os<Mac<os_version<10.5.1<software<Psi<' +
      'software_version<0.11<',
  );
  assert.is(hashOf('XEP-0115', 'sha-1', PSI, 'own'), 'q07IKJEyjvHSyhy//CH0CxmKi8w=');
});

test('D-56: the simple example of XEP-0390', () => {
  const input = hashInput(BOMBUS);
  assert.is(input.length, 0x1bd + 0x1b + 1);
  assert.ok(input.toString().endsWith('urn:xmpp:time\x1f\x1cclient\x1fmobile\x1f\x1fBombusMod\x1f\x1e\x1c\x1c'));
  assert.is(hashOf('XEP-0390', 'sha-256', BOMBUS, 'own'), 'kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=');
  assert.is(hashOf('XEP-0390', 'sha3-256', BOMBUS, 'own'), '79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q=');
});

test('D-56: the complex example of XEP-0390', () => {
  assert.is(hashInput(TKABBER).length, 0x543);
  assert.is(hashOf('XEP-0390', 'sha-256', TKABBER, 'own'), 'u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY=');
  assert.is(hashOf('XEP-0390', 'sha3-256', TKABBER, 'own'), 'XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg=');
});

/** What a query is hashed as when nobody hinders it, and so what a forger would say of it. */
const claim = (genuine: Element) => hashOf('XEP-0115', 'sha-1', genuine, 'own');
const proves = (hash: string, answer: Element) => verified('XEP-0115', 'sha-1', hash, answer) !== null;

test('what XEP-0115 §5.4 calls ill-formed proves nothing', () => {
  const identity = xml`<identity category="client" type="pc" name="x"/>`;
  const illFormed: [why: string, answer: Element][] = [
    ['an identity twice', query('urn:a', identity, identity)],
    ['a feature twice', query('urn:a urn:b urn:a', identity)],
    ['a form twice', query('urn:a', identity, form('urn:f', { a: ['1'] }), form('urn:f', { b: ['2'] }))],
    [
      'a form of two types',
      query(
        'urn:a',
        xml`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>a</value><value>b</value></field></x>`,
      ),
    ],
  ];
  for (const [why, answer] of illFormed) {
    assert.throws(
      () => verificationInput(answer),
      (error: unknown) => error instanceof CapsError,
      why,
    );
    assert.not(proves('QgayPKawpkPSDYmwT/WM94uAlu0=', answer), why);
  }
});

test('a form may have more values than a call can have arguments', () => {
  const values = Array.from({ length: 200_000 }, (_, i) => `${i}`);
  const answer = query('urn:a', xml`<identity category="client" type="pc"/>`, form('urn:f', { a: values }));
  assert.is(verificationInput(answer).toString().split('<').length, values.length + 5);
  assert.is(hashInput(answer).toString().split('\x1f').length, values.length + 9);
});

test('what differs in nothing but a language or a name is not the same identity', () => {
  const answer = query(
    'urn:a',
    xml`<identity category="client" type="pc" name="x"/>`,
    xml`<identity category="client" type="pc" name="y"/>`,
    xml`<identity category="client" type="pc" name="x" xml:lang="de"/>`,
  );
  assert.is(verificationInput(answer).toString(), 'client/pc//x<client/pc//y<client/pc/de/x<urn:a<');
});

test('a form that does not say what it is about is not hashed, and not proven', () => {
  const open = xml`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE"><value>urn:f</value></field></x>`;
  const typeless = xml`<x xmlns="jabber:x:data" type="result"><field var="a"><value>1</value></field></x>`;
  const other = xml`<other xmlns="urn:other"/>`;
  const answer = EXODUS.append(open, typeless, other);
  assert.equal(verificationInput(answer), verificationInput(EXODUS));
  assert.is(DiscoInfo.read(answer).forms.length, 2);
  const info = verified('XEP-0115', 'sha-1', claim(EXODUS), answer);
  assert.equal([info?.forms, info?.element], [[], null]);
});

test('a type that is said twice the same is said', () => {
  const twice = xml`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>urn:f</value><value>urn:f</value></field></x>`;
  assert.is(verificationInput(query('urn:a', twice)).toString(), 'urn:a<urn:f<');
});

test('what could be read in another way proves nothing', () => {
  const identity = xml`<identity category="client" type="pc" name="x"/>`;
  const hash = claim(query('urn:a urn:b', identity));
  assert.ok(proves(hash, query('urn:b urn:a', identity)));
  for (const answer of [
    query('urn:a<urn:b', identity),
    query('', xml`<identity category="client" type="pc" name="x&lt;urn:a&lt;urn:b"/>`),
    query('urn:a', identity, form('urn:b<', {})),
    query('urn:b', xml`<identity category="client" type="pc//x&lt;urn:a"/>`),
  ]) {
    assert.not(proves(hash, answer), String(answer));
  }
  assert.ok(claim(query('', xml`<identity category="a" type="b" name="c/d"/>`)));
  for (const answer of [
    xml`<identity category="a/b" type="" name="c/d"/>`,
    xml`<identity category="a" type="b//c" name="d"/>`,
    xml`<identity category="a" type="b" xml:lang="/c" name="d"/>`,
  ]) {
    assert.throws(
      () => verificationInput(query('', answer)),
      (error: unknown) => error instanceof CapsError,
    );
  }
});

test('XEP-0390 refuses what has no place in an answer', () => {
  for (const child of [
    xml`<other xmlns="urn:other"/>`,
    xml`<x xmlns="jabber:x:data" type="form"><field var="FORM_TYPE" type="hidden"><value>a</value></field></x>`,
    xml`<x xmlns="jabber:x:data" type="result"><field var="a"><value>1</value></field></x>`,
    form('urn:f', {}).append(xml`<reported/>`),
    form('urn:f', {}).append(xml`<item/>`),
  ]) {
    assert.throws(
      () => hashInput(BOMBUS.append(child)),
      (error: unknown) => error instanceof CapsError,
      String(child),
    );
    assert.is(
      verified('XEP-0390', 'sha-256', 'kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=', BOMBUS.append(child)),
      null,
    );
  }
});

test('texts are in the order of their bytes', () => {
  const order = ['a', '\uE000', '\uFFFD', '\u{1F600}'];
  const features = [...order].reverse().join(' ');
  assert.is(verificationInput(query(features)).toString(), order.map((text) => `${text}<`).join(''));
  assert.ok(
    hashInput(query(features))
      .toString()
      .startsWith(order.map((text) => `${text}\x1f`).join('')),
  );
});

test('a language that a server puts on a stanza on its way changes nothing', () => {
  const passed = (answer: Element) => xml`<iq xml:lang="en">${answer}</iq>`.elements[0] as Element;
  assert.is(passed(EXODUS).elements[0]?.lang, 'en');
  const info = verified('XEP-0115', 'sha-1', claim(EXODUS), passed(EXODUS));
  assert.equal(info?.identities, [{ category: 'client', type: 'pc', name: 'Exodus 0.9.1' }]);
  const inherited = hashOf('XEP-0390', 'sha-256', passed(BOMBUS), 'inherited');
  assert.is.not(inherited, hashOf('XEP-0390', 'sha-256', BOMBUS, 'own'));
  const told = verified('XEP-0390', 'sha-256', inherited, passed(BOMBUS));
  assert.is(told?.identities[0]?.lang, 'en');
  assert.is(verified('XEP-0390', 'sha-256', inherited, BOMBUS), null);
});

test('a forged hash proves nothing', () => {
  assert.ok(proves(claim(EXODUS), EXODUS));
  assert.not(proves(claim(EXODUS), PSI));
  assert.is(verified('XEP-0390', 'sha-256', claim(EXODUS), EXODUS), null);
  assert.is(verified('XEP-0115', 'md5', claim(EXODUS), EXODUS), null);
});

/** What is read of a presence: scheme, function and node. */
const read = (...children: Element[]) => {
  const capability = readCapability(xml`<presence>${children}</presence>`);
  return capability && `${capability.scheme} ${capability.algorithm} ${capability.node}`;
};
const old = (hash: string | undefined, node: string | undefined, ver: string | undefined) =>
  xml`<c xmlns="http://jabber.org/protocol/caps" hash="${hash}" node="${node}" ver="${ver}"/>`;
const hash = (algorithm: string, value: string) =>
  xml`<hash xmlns="urn:xmpp:hashes:2" algo="${algorithm}">${value}</hash>`;

test('the best hash of a presence is taken, and none that says nothing', () => {
  assert.is(read(old('sha-1', 'http://x', 'abc=')), 'XEP-0115 sha-1 http://x#abc=');
  assert.is(read(), null);
  assert.is(read(old(undefined, 'http://x', 'abc=')), null, 'the old format');
  assert.is(read(old('md5', 'http://x', 'abc=')), null);
  assert.is(read(old('sha-1', undefined, 'abc=')), null);
  assert.is(read(old('sha-1', 'http://x', undefined)), null);
  assert.is(read(old('sha-1', 'http://x', '0.9.1 beta')), null);
  assert.is(read(old('sha-1', 'http://x', 'a'.repeat(129))), null);
  assert.is(read(old('sha-1', 'x'.repeat(1025), 'abc=')), null);
  const hashes = xml`
    <c xmlns="urn:xmpp:caps">
      ${hash('sha-1', 'abc=')}${hash('unknown', 'abc=')}${hash('sha3-256', 'abc=')}${hash('sha-256', ' def= ')}
    </c>`;
  assert.is(read(old('sha-1', 'http://x', 'abc='), hashes), 'XEP-0390 sha-256 urn:xmpp:caps#sha-256.def=');
  assert.is(read(xml`<c xmlns="urn:xmpp:caps">${hash('sha-1', 'abc=')}</c>`), null);
  assert.is(
    read(xml`<c xmlns="urn:xmpp:caps">${hash('sha-256', '')}</c>`, old('sha-1', 'n', 'abc=')),
    'XEP-0115 sha-1 n#abc=',
  );
});

test('a long answer takes no longer than it should', () => {
  const features = Array.from({ length: 20_000 }, (_, index) => `urn:example:${(index * 7919) % 20_000}`).join(' ');
  const answer = query(features);
  assert.ok(verificationInput(answer).length > 300_000);
  assert.ok(hashInput(answer).length > 300_000);
});

test.run();
