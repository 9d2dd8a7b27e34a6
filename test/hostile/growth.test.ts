/**
 * What hostile input could make grow beyond its own length: the time that a regular expression takes, the way through an
 * algorithm, objects that inherit something. Nothing is timed: what takes the square of a megabyte does not end in the time a
 * test has.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type AnyNode, parse } from 'acorn';
import * as assert from 'uvu/assert';
import { caps, disco, type Element, type InspectedClient, presences } from '../../src/index.ts';
import { NS } from '../../src/testing/names.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { suite } from '../harness.ts';
import { dialogue, online } from '../sockets/dialogue.ts';
import { sockets as suiteOfSockets } from '../sockets/rig.ts';
import { objection } from './regexp.ts';

const test = suite('hostile/growth', 60_000);
const sockets = suiteOfSockets('hostile/growth: on the wire');

/** What was compiled. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Every module that can get to see what comes from the network. */
const MODULES = ['machines', 'src'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js') && !/^(?:cli|testing)\//.test(file))
    .map((file) => join(ROOT, folder, file)),
);

function* nodes(value: unknown): Generator<AnyNode> {
  if (Array.isArray(value)) for (const one of value) yield* nodes(one);
  else if (typeof value === 'object' && value !== null) {
    if ('type' in value) yield value as AnyNode;
    yield* nodes(Object.values(value));
  }
}

const NODES = MODULES.flatMap((file) => {
  const text = readFileSync(file, 'utf8');
  const tree = parse(text, { ecmaVersion: 'latest', sourceType: 'module' });
  return [...nodes(tree)].map((node) => ({ file, node, code: text.slice(node.start, node.end) }));
});

/** Those that are put together when a module is loaded. */
async function built(): Promise<RegExp[]> {
  const made: RegExp[] = [];
  const Original = RegExp;
  globalThis.RegExp = new Proxy(Original, {
    construct: (target, args, newTarget) => {
      const regExp = Reflect.construct(target, args, newTarget) as RegExp;
      // Whatever else is going on meanwhile is none of ours.
      const [, , caller = ''] = new Error().stack?.split('\n') ?? [];
      if (!caller.includes('node_modules')) made.push(regExp);
      return regExp;
    },
  });
  try {
    // As if nobody had loaded them before.
    for (const file of MODULES) await import(`${pathToFileURL(file)}?again`);
  } finally {
    globalThis.RegExp = Original;
  }
  return made;
}

/** Those that only look as if they took the square of their input, by a part of theirs, and why they do not. */
const LINEAR: readonly (readonly [part: string, why: string])[] = [
  [
    '[\\u200C\\u200D](?<=',
    'a joiner is looked at with the marks on its two sides, and all of them are read twice at most',
  ],
  ['|[0-9])\\p{Mn}*$', 'what a match begins with is no mark, so that each mark is read for one beginning only'],
];

test('regular expressions take linear time, all of them', async () => {
  const literals = NODES.flatMap(({ node }) =>
    node.type === 'Literal' && node.regex ? [new RegExp(node.regex.pattern, node.regex.flags)] : [],
  );
  const constructed = NODES.filter(({ code }) => code.startsWith('new RegExp('));
  const made = await built();
  assert.ok(made.length >= constructed.length, 'each that is put together is looked at');
  assert.ok(literals.length > 40, `${literals.length} were found`);
  const unused = new Set(LINEAR.map(([part]) => part));
  const distinct = new Map([...literals, ...made].map((regExp) => [String(regExp), regExp]));
  const refused = [...distinct.values()].flatMap((regExp) => {
    const why = objection(regExp);
    const known = LINEAR.find(([part]) => regExp.source.includes(part))?.[0];
    if (why !== null && known !== undefined) unused.delete(known);
    return why === null || known !== undefined ? [] : [`${regExp}: ${why}`];
  });
  assert.equal(refused, []);
  assert.equal([...unused], [], 'these need no excuse');
});

test('a regular expression that takes more is noticed', () => {
  for (const bad of [
    /(a+)+b/,
    /(a*)*b/,
    /(a|a)*b/,
    /^(\w+\s?)*$/,
    /\s+$/,
    /^a*a*$/,
    /^\d+\d*x/,
    /(.*),(.*)x/,
    /<a[^>]*>/,
  ]) {
    assert.is.not(objection(bad), null, String(bad));
  }
  for (const good of [
    /^a*$/,
    /[^<]*/y,
    /\s+/g,
    /<a[^<>]*>/,
    /^[a-z](?:[a-z-]{0,61}[a-z])?$/,
    /^(?:a|b)*c$/,
    /(?<!l)x|y(?!l)/,
  ]) {
    assert.is(objection(good), null, String(good));
  }
});

/** Where something is looked up by a name that is not written there, and why no name from the network does harm. */
const LOOKUPS: ReadonlyMap<string, string> = new Map([
  ['SIZES[hash]', 'one of ours'],
  ['SENTENCES[condition]', 'one of ours'],
  ['INPUT[scheme]', 'one of ours'],
  ['this.#log?.[level]', 'one of ours'],
  ['REFERENCES[character]', 'a single character'],
  ['entry.names[lang]', 'a language that the application gave'],
  ['this.attrs[name]', 'Attributes inherit nothing'],
  ['attrs[key]', 'one of its own keys'],
  ['own[key]', 'Attributes inherit nothing'],
  ['this.#attrs[key]', 'Attributes inherit nothing'],
  ['scope[prefix]', 'a scope inherits from scopes only'],
  ["scope[name.slice(0, name.indexOf(':'))]", 'a scope inherits from scopes only'],
]);

test('no object is a table of names from the network unless it inherits nothing', () => {
  const found = new Set<string>();
  for (const { node, code, file } of NODES) {
    const target = node.type === 'AssignmentExpression' ? node.left : node;
    if (target.type !== 'MemberExpression' || !target.computed) continue;
    // Elsewhere nothing may be written by a name, and what is read is read by names of ours.
    if (target === node && !/\/src\/(?:xml|stanza|sasl|stream|services)\//.test(file)) continue;
    const { property } = target;
    const name = code.slice(0, target.end - node.start);
    const isIndex =
      property.type === 'Literal' ||
      property.type === 'BinaryExpression' ||
      /\[(?:i|index|next|from|child|part|this\.#front|sgmlDecl\.length)\]$/.test(name);
    if (!isIndex) found.add(name);
  }
  const unknown = [...found].filter((name) => !LOOKUPS.has(name));
  assert.equal(unknown, []);
  assert.ok(found.has('scope[prefix]') && found.has('own[key]'), 'what there is was found');
});

// The same over a socket.

const NAMES = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'valueOf', '__defineGetter__'];

/** The client's next element that is meant, past what it asks its server by itself. */
async function until(peer: Peer, isMeant: (element: Element) => boolean): Promise<Element> {
  for (;;) {
    const element = await peer.next();
    if (isMeant(element)) return element;
  }
}

/** Everything that ordinary objects inherit. */
const inherited = () => [Object, Array, Function, Map, Promise].map(({ prototype }) => Reflect.ownKeys(prototype));

const ATTRIBUTES = `${NAMES.map((name) => `${name}="of ${name}"`).join(' ')} xmlns:__proto__="urn:p" __proto__:id="1"`;

sockets('names that objects inherit are names like any, in stanzas, discovery and presence', async (rig) => {
  const before = inherited();
  const talk = await online(rig, { streamManagement: false }, { upTo: 'bind', resource: '__proto__' });
  const { client, peer, journal } = talk;
  assert.is(client.jid.toString(), 'romeo@localhost/__proto__');
  const [known, asker] = [client.use(presences), client.use(disco)];
  client.handle('get', 'urn:x', '__proto__', ({ payload }) => payload);

  const heard = client.once('message');
  await peer.send(`<message id="constructor" ${ATTRIBUTES}><__proto__ xmlns="urn:x" ${ATTRIBUTES}/></message>`);
  const { element } = await heard;
  for (const one of [element, element.find('__proto__', 'urn:x') as Element]) {
    for (const name of NAMES) assert.is(one.attr(name), `of ${name}`);
    assert.is(one.attr('{urn:p}id'), '1');
    assert.is(one.attr('isPrototypeOf'), undefined);
    assert.is(one.with({ a: 'b' }).attr('__proto__'), 'of __proto__');
  }

  await peer.send(
    `<iq type="get" id="__proto__"><__proto__ xmlns="urn:x" ${ATTRIBUTES}><constructor/></__proto__></iq>`,
  );
  const reply = await until(peer, (one) => one.attr('id') === '__proto__');
  assert.equal(Object.keys(reply.elements[0]?.attrs ?? {}).sort(), [...NAMES, '{urn:p}id'].sort());

  const invalid = client.once('invalid');
  await peer.send('<iq type="result" id="__proto__"/>');
  assert.is((await invalid).reason, 'a reply that nobody waits for');

  for (const name of NAMES) {
    const presence = client.once('presence');
    await peer.send(
      `<presence from="${name.toLowerCase()}@localhost/${name}"><c xmlns="http://jabber.org/protocol/caps" hash="${name}" node="${name}" ver="${name}"/></presence>`,
    );
    await presence;
    assert.ok(known.get(`${name.toLowerCase()}@localhost/${name}`));
  }
  assert.is(known.get('nobody@localhost/toString'), undefined);

  const info = asker.queryInfo('__proto__@localhost', { node: 'constructor' });
  const query = await until(peer, (one) => one.attr('to') === '__proto__@localhost');
  const features = NAMES.map((name) => `<feature var="${name}"/>`).join('');
  const field = (name: string, value: string) => `<field var="${name}" type="hidden"><value>${value}</value></field>`;
  await peer.send(
    `<iq type="result" id="${query.attr('id')}" from="__proto__@localhost"><query xmlns="${NS.discoInfo}" node="constructor">` +
      `<identity category="__proto__" type="constructor" xml:lang="__proto__"/>${features}` +
      `<x xmlns="jabber:x:data" type="result">${field('FORM_TYPE', '__proto__')}${field('__proto__', 'value')}</x></query></iq>`,
  );
  const found = await info;
  assert.equal([...found.features], NAMES);
  assert.equal(found.values('__proto__', '__proto__'), ['value']);
  assert.equal(found.values('__proto__', 'toString'), []);
  assert.equal(found.values('constructor', '__proto__'), []);

  await peer.send(
    '<stream:error><constructor xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error></stream:stream>',
  );
  await journal.until('waiting 1 constructor');
  assert.equal(inherited(), before);
});

sockets('names that objects inherit are no mechanisms', async (rig) => {
  const before = inherited();
  const { client, next, journal } = await dialogue(rig, { resolveSrv: async () => [] });
  client.start().catch(() => {});
  const peer = await next();
  await peer.open();
  const mechanisms = NAMES.map((name) => `<mechanism>${name}</mechanism>`).join('');
  await peer.send(`<stream:features><mechanisms xmlns="${NS.sasl}">${mechanisms}</mechanisms></stream:features>`);
  await until(peer, ({ name }) => name === '/stream');
  await peer.close();
  await journal.until('waiting 1 no-mechanism');
  assert.equal(inherited(), before);
});

/** Nearly a megabyte of something. */
const many = (text: string) => text.repeat(Math.floor(1_000_000 / Buffer.byteLength(text)));

/** What an algorithm that looks at everything for everything would take hours for. */
const MEGABYTES: Readonly<Record<string, string>> = {
  references: `<message><body>${many('&lt;')}</body></message>`,
  'line ends': `<message><body>${many('\r\n')}</body></message>`,
  brackets: `<message><body>${many(']')}</body></message>`,
  'CDATA sections': `<message><body>${many('<![CDATA[x]]>')}</body></message>`,
  'texts and elements': `<message>${many('x<a/>')}</message>`,
  bodies: `<message>${many('<body xml:lang="x"/>')}</message>`,
  namespaces: `<message>${many('<a:b xmlns:a="urn:a" a:c="d"/>')}</message>`,
  'white space in attributes': `<message ${Array.from({ length: 15 }, (_, i) => `a${i}="${'\t'.repeat(65_000)}"`).join(' ')}/>`,
  secrets: `<message><body>${many(' password=')}</body></message>`,
  'secrets without an end': `<message>${many('<password/><token> </token>')}</message>`,
  'private fields': `<message>${many('<field type="text-private"><value/></field>')}</message>`,
  'names of objects': `<message>${many('<__proto__ constructor=""/>')}</message>`,
  'senders that are none': many(`<message from="a${'\u0315'.repeat(15_000)}${'\u0316'.repeat(15_000)}"/>`),
  'domains that are none': many(`<message from="${ideographs(20_000)}"/>`),
  'hashes of nothing': many(
    `<presence from="a@b/c"><c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="n" ver="${'A'.repeat(60_000)}!"/></presence>`,
  ),
};

function ideographs(length: number): string {
  return Array.from({ length }, (_, i) => String.fromCharCode(0x4e00 + i)).join('');
}

for (const [name, content] of Object.entries(MEGABYTES)) {
  sockets(`a megabyte of ${name} is read, shown and asked about in time`, async (rig) => {
    // Who looks sees everything, with its secrets taken out.
    const shown: number[] = [];
    const inspect = Object.assign(() => {}, {
      client: (inspected: InspectedClient) => void inspected.tap(({ xml }) => shown.push(xml.length)),
    });
    const { client, peer } = await online(rig, { inspect, streamManagement: false }, { upTo: 'bind' });
    client.use(caps);
    for (const type of ['message', 'presence'] as const) {
      client.on(type, ({ from, to, lang, id, element }) => [from, to, lang, id, element.text, element.elements.length]);
    }
    client.on('message', (message) => [message.body, message.subject, message.type, message.reply('yes').toString()]);
    await peer.send(content);
    await peer.send('<iq type="get" id="done"><x xmlns="urn:x"/></iq>');
    await until(peer, (one) => one.attr('id') === 'done');
    assert.ok(Math.max(...shown) > 10_000);
  });
}

sockets.run();
test.run();
