import { inspect } from 'node:util';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { escapeLocal, JID, JidError, type JidPart, type JidReason, unescapeLocal } from '../src/jid.ts';
import { suite } from './harness.ts';

/** `part reason` of the JidError that `body` throws. */
function refusal(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    assert.instance(error, JidError);
    return `${(error as JidError).part} ${(error as JidError).reason}`;
  }
  return 'accepted';
}

const refused = (text: string, part: JidPart, reason: JidReason) =>
  assert.is(
    refusal(() => JID.parse(text)),
    `${part} ${reason}`,
    inspect(text),
  );

const local = (text: string) => JID.of(text, 'example.org').local;
const domain = (text: string) => JID.parse(text).domain;
const resource = (text: string) => JID.of(undefined, 'example.org', text).resource;

const parsing = suite('JID');

parsing('reads the JIDs of RFC 7622, table 1', () => {
  const valid: [string, string | undefined, string, string | undefined][] = [
    ['juliet@example.com', 'juliet', 'example.com', undefined],
    ['juliet@example.com/foo', 'juliet', 'example.com', 'foo'],
    ['juliet@example.com/foo bar', 'juliet', 'example.com', 'foo bar'],
    ['juliet@example.com/foo@bar', 'juliet', 'example.com', 'foo@bar'],
    ['foo\\20bar@example.com', 'foo\\20bar', 'example.com', undefined],
    ['fussball@example.com', 'fussball', 'example.com', undefined],
    ['fu\u00DFball@example.com', 'fu\u00DFball', 'example.com', undefined],
    ['\u03C0@example.com', '\u03C0', 'example.com', undefined],
    ['\u03A3@example.com/foo', '\u03C3', 'example.com', 'foo'],
    ['\u03C3@example.com/foo', '\u03C3', 'example.com', 'foo'],
    ['\u03C2@example.com/foo', '\u03C2', 'example.com', 'foo'],
    ['king@example.com/\u265A', 'king', 'example.com', '\u265A'],
    ['example.com', undefined, 'example.com', undefined],
    ['example.com/foobar', undefined, 'example.com', 'foobar'],
    ['a.example.com/b@example.net', undefined, 'a.example.com', 'b@example.net'],
  ];
  for (const [text, ...parts] of valid) {
    const jid = JID.parse(text);
    assert.equal([jid.local, jid.domain, jid.resource], parts, text);
  }
});

parsing('refuses the texts of RFC 7622, table 2', () => {
  refused('"juliet"@example.com', 'local', 'disallowed');
  refused('foo bar@example.com', 'local', 'disallowed');
  refused('@example.com/', 'local', 'empty');
  refused('henry\u2163@example.com', 'local', 'disallowed');
  refused('\u265A@example.com', 'local', 'disallowed');
  refused('juliet@', 'domain', 'empty');
  refused('/foobar', 'domain', 'empty');
  // Erratum 4560: the leading space of the table's other example is no fault.
  assert.is(JID.parse('juliet@example.com/ foo').resource, ' foo');
});

parsing('splits at the first slash, then at the first at sign before it', () => {
  assert.is(JID.parse('a@b.example/c/d@e').resource, 'c/d@e');
  assert.is(JID.parse('b.example//').resource, '/');
  refused('a@b@c.example', 'domain', 'disallowed');
  refused('', 'domain', 'empty');
  refused('a@', 'domain', 'empty');
  refused('example.org/', 'resource', 'empty');
  refused('juliet@example.org/', 'resource', 'empty');
});

parsing('refuses each character that RFC 7622 takes out of the localpart, and keeps the rest of ASCII', () => {
  for (let code = 0x21; code < 0x7f; code += 1) {
    const character = String.fromCharCode(code);
    const outcome = refusal(() => JID.of(character, 'example.org'));
    assert.is(outcome, `"&'/:<>@`.includes(character) ? 'local disallowed' : 'accepted', character);
    // The quick way through the parser has to agree.
    if (!'/@'.includes(character)) {
      assert.is(
        refusal(() => JID.parse(`${character}@example.org`)),
        outcome,
        character,
      );
    }
  }
  for (const code of [0x00, 0x09, 0x0a, 0x1f, 0x20, 0x7f, 0x80, 0xa0]) {
    assert.is(
      refusal(() => local(`a${String.fromCharCode(code)}`)),
      'local disallowed',
      code.toString(16),
    );
  }
});

parsing('maps a localpart by width, case and NFC', () => {
  assert.is(local('Juliet'), 'juliet');
  assert.is(local('\uFF2A\uFF35L'), 'jul');
  assert.is(local('\uFF76\uFF9E'), '\u30AC');
  assert.is(local('e\u0301'), '\u00E9');
  assert.is(local('\u212B'), '\u00E5');
  assert.is(local('\u1100\u1161'), '\uAC00');
  // A fullwidth at sign or solidus must not smuggle one in.
  assert.is(
    refusal(() => local('a\uFF20b')),
    'local disallowed',
  );
  assert.is(
    refusal(() => local('a\uFF0Fb')),
    'local disallowed',
  );
});

parsing('refuses what the IdentifierClass excludes', () => {
  const excluded = {
    'compatibility form': '\uFB00',
    'letter number': '\u2160',
    'titlecase digraph': '\u01C5',
    symbol: '\u20AC',
    emoji: '\u{1F600}',
    punctuation: '\u2013',
    'enclosing mark': 'a\u20DD',
    'other number': '\u00BD',
    'no-break space': 'a\u00A0b',
    'ideographic space': 'a\u3000b',
    'soft hyphen': 'a\u00ADb',
    'variation selector': 'a\uFE0F',
    'zero-width space': 'a\u200Bb',
    'right-to-left mark': '\u05D0\u200F',
    'old hangul jamo': '\u1100',
    'hangul tone mark': '\uAC00\u302E',
    tatweel: '\u0628\u0640',
    'vertical kana repeat mark': '\u3031',
    'private use': '\uE000',
    noncharacter: '\uFFFE',
    'lone surrogate': '\uD800',
    unassigned: '\u0378',
    'line separator': 'a\u2028',
  };
  for (const [what, text] of Object.entries(excluded)) {
    assert.is(
      refusal(() => local(text)),
      'local disallowed',
      what,
    );
  }
  for (const exception of ['\u00DF', '\u03C2', '\u06FD', '\u0F0B', '\u3007']) assert.is(local(exception), exception);
});

parsing('lets contextual characters stand only where RFC 5892 wants them', () => {
  const fits = [
    'l\u00B7l',
    '\u0375\u03B1',
    '\u05D0\u05F3',
    '\u05D0\u05F4\u05D1',
    '\u30A2\u30FB\u30A4',
    '\u4E00\u30FB',
    '\u0628\u0660\u0661',
    '\u0628\u06F0\u06F1',
    '\u0915\u094D\u200D\u0937',
    '\u0915\u094D\u200C\u0937',
    '\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645',
    '\u0628\u064E\u200C\u064E\u0628\u200C\u0628',
  ];
  const misfits = [
    '\u00B7',
    'a\u00B7l',
    'l\u00B7a',
    '\u0375a',
    '\u03B1\u0375',
    '\u05F3',
    'a\u05F3',
    'a\u30FBb',
    '\u0628\u0660\u06F0',
    'a\u200Db',
    '\u200D',
    '\u0628\u200D\u0628',
    'a\u200Cb',
    '\u200C',
    '\u0628\u200C',
    '\u0627\u200C\u0628',
    '\u0915\u0301\u200C\u0937',
  ];
  for (const text of fits) assert.is(local(text), text, inspect(text));
  for (const text of misfits) {
    assert.is(
      refusal(() => local(text)),
      'local context',
      inspect(text),
    );
    assert.is(
      refusal(() => resource(text)),
      'resource context',
      inspect(text),
    );
  }
});

parsing('holds the localpart to the Bidi Rule', () => {
  const fits = ['\u05D0', '\u05D01', '\u05D0\u05B0', '\u0628\u0661', '\u05D0-\u05D1', '\u07CA\u07C0', 'abc1', '1a'];
  const misfits = [
    '1\u05D0',
    'a\u05D0',
    '\u05D0a',
    '\u05D0a\u05D1',
    '\u05D0-',
    '-\u05D0',
    '\u0628\u06611',
    '\u0661\u0628',
    '\u0661',
  ];
  for (const text of fits) assert.is(local(text), text, inspect(text));
  for (const text of misfits) {
    assert.is(
      refusal(() => local(text)),
      'local direction',
      inspect(text),
    );
  }
  // A resource has no direction to keep.
  assert.is(resource('\u05D0a'), '\u05D0a');
});

parsing('keeps a resource as it is but for spaces and NFC', () => {
  assert.is(resource('Balcony'), 'Balcony');
  assert.is(resource('\uFF21\uFB00\u2163'), '\uFF21\uFB00\u2163');
  assert.is(resource('a\u00A0b\u3000c'), 'a b c');
  assert.is(resource('e\u0301'), '\u00E9');
  assert.is(resource(' '), ' ');
  for (const text of ['a\tb', 'a\u0000', 'a\u00ADb', '\u1100', '\uE000', '\uD800', '\u0378', 'a\u0600']) {
    assert.is(
      refusal(() => resource(text)),
      'resource disallowed',
      inspect(text),
    );
  }
});

parsing('gives a domain name one spelling', () => {
  assert.is(domain('Example.ORG'), 'example.org');
  assert.is(domain('example.org.'), 'example.org');
  assert.is(domain('FU\u00DFBALL.example'), 'fu\u00DFball.example');
  assert.is(domain('xn--fuball-cta.example'), 'fu\u00DFball.example');
  assert.is(domain('XN--FUBALL-CTA.example'), 'fu\u00DFball.example');
  assert.is(domain('\uFF45xample.org'), 'example.org');
  assert.is(domain('a\u3002e\u0301'), 'a.\u00E9');
  assert.is(domain('\u05D0\u05D11.example'), '\u05D0\u05D11.example');
  assert.is(domain('localhost'), 'localhost');
  assert.is(domain('1.example'), '1.example');
});

parsing('reads IP literals', () => {
  assert.is(domain('192.0.2.1'), '192.0.2.1');
  assert.is(domain('[2001:DB8:0:0::1]'), '[2001:db8::1]');
  assert.is(JID.parse('a@[::1]/b').domain, '[::1]');
  for (const text of ['[::1', '::1', '[::1]x', '[fe80::1%eth0]', '[192.0.2.1]', '[]', '[v1.x]']) {
    refused(text, 'domain', 'disallowed');
  }
});

parsing('refuses what is no domain name', () => {
  const bad = [
    '.',
    '..',
    'a..b',
    '.a',
    'a.b..',
    '-a.example',
    'a-.example',
    'ab--c.example',
    'a_b.example',
    'a b.example',
    'a%62.example',
    'a:5222',
    'a\u0000b',
    `${'a'.repeat(64)}.example`,
    `\u00FC.${'a'.repeat(64)}`,
    '\u2603.example',
    'xn--n3h.example',
    'xn--a.example',
    'xn--fussball-.example',
    '-\u00FC.example',
    '\u00FCa--b.example',
    '\u00FC\u2215x',
    '\u2100.\u00FC',
    '1\u05D0.example',
    'a\u200Cb.example',
    '\uFF11\uFF12\uFF17.0.0.1',
    '\u00FC.1',
    '\u00FC%2F.example',
  ];
  for (const text of bad) refused(text, 'domain', 'disallowed');
});

parsing('counts bytes, not characters, up to 1023 in each part', () => {
  const long = 'a'.repeat(1023);
  assert.is(JID.parse(`${long}@example.org/${long}`).local, long);
  refused(`${long}a@example.org`, 'local', 'too-long');
  refused(`example.org/${long}a`, 'resource', 'too-long');
  assert.is(resource('\u00E9'.repeat(511))?.length, 511);
  assert.is(
    refusal(() => resource('\u00E9'.repeat(512))),
    'resource too-long',
  );
  // What counts is the normalised part.
  assert.is(resource('e\u0301'.repeat(511))?.length, 511);
  assert.is(resource('u\u0308\u0304'.repeat(511))?.length, 511);
  refused(`${'a.'.repeat(512)}example`, 'domain', 'too-long');
});

parsing('what is far too long costs nothing', () => {
  // Normalising one of these takes minutes.
  const marks = `a${'\u0315'.repeat(500_000)}${'\u0316'.repeat(500_000)}`;
  const ideographs = Array.from({ length: 1_000_000 }, (_, i) => String.fromCharCode(0x4e00 + (i % 20_000))).join('');
  refused(`${marks}@example.org`, 'local', 'too-long');
  refused(`example.org/${marks}`, 'resource', 'too-long');
  refused(ideographs, 'domain', 'too-long');
  refused(ideographs.slice(0, 2000), 'domain', 'disallowed');
  assert.throws(() => JID.of('a', 'b').withResource(marks), 'too-long');
});

parsing('builds from parts without reading separators in them', () => {
  assert.is(JID.of('Juliet', 'EXAMPLE.org', 'A/b@c').toString(), 'juliet@example.org/A/b@c');
  assert.is(JID.of(undefined, 'example.org').toString(), 'example.org');
  assert.is(
    refusal(() => JID.of('a@b', 'example.org')),
    'local disallowed',
  );
  assert.is(
    refusal(() => JID.of('', 'example.org')),
    'local empty',
  );
  assert.is(
    refusal(() => JID.of('a', 'example.org', '')),
    'resource empty',
  );
  assert.is(
    refusal(() => JID.of('a', 'example.org/x')),
    'domain disallowed',
  );
});

parsing('has a bare form and takes another resource', () => {
  const jid = JID.parse('juliet@example.com/balcony');
  assert.is(jid.bare.toString(), 'juliet@example.com');
  assert.is(jid.bare, jid.bare);
  assert.is(jid.bare.bare, jid.bare);
  assert.is(jid.withResource('orchard').toString(), 'juliet@example.com/orchard');
  assert.is(jid.withResource(undefined), jid.bare);
  assert.is(
    refusal(() => jid.withResource('\u0000')),
    'resource disallowed',
  );
});

parsing('compares by normal form', () => {
  const jid = JID.parse('Juliet@Example.COM/A');
  assert.ok(jid.equals('juliet@example.com/A'));
  assert.ok(jid.equals('JULIET@xn--example-.com/A') === false);
  assert.ok(jid.equals(JID.of('juliet', 'example.com', 'A')));
  assert.not(jid.equals('juliet@example.com/a'));
  assert.not(jid.equals(jid.bare));
  assert.not(jid.equals('not a jid@'));
  assert.is(JSON.stringify({ jid }), '{"jid":"juliet@example.com/A"}');
  assert.is(`${jid}`, 'juliet@example.com/A');
});

parsing('is frozen, and the same text gives the same object', () => {
  const jid = JID.parse('juliet@example.com/frozen');
  assert.ok(Object.isFrozen(jid) && Object.isFrozen(jid.bare));
  assert.throws(() => Object.assign(jid, { local: 'romeo' }), TypeError);
  assert.is(JID.parse('juliet@example.com/frozen'), jid);
});

parsing('remembers no more than it should', () => {
  const first = JID.parse('first@example.org');
  for (let i = 0; i < 5000; i += 1) JID.parse(`${i}@example.org`);
  assert.is.not(JID.parse('first@example.org'), first);
  assert.ok(JID.parse('first@example.org').equals(first));
});

parsing('its error names the part and holds nothing of the text', () => {
  try {
    JID.parse('sec ret@example.org');
    assert.unreachable();
  } catch (error) {
    assert.not.match(String(error), 'ret');
    assert.is((error as Error).name, 'JidError');
  }
});

parsing('parses its own output to the same JID, whatever the input', () => {
  const character = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 2 }),
    fc.constantFrom(
      'a',
      'L',
      'l',
      '\u00B7',
      '\u200C',
      '\u200D',
      '\u0628',
      '\u094D',
      '\u0915',
      '\uFF21',
      '\u05D0',
      '1',
      '.',
      '-',
    ),
  );
  const text = fc.array(character, { maxLength: 8 }).map((characters) => characters.join(''));
  fc.assert(
    fc.property(text, text, fc.option(text, { nil: undefined }), (name, host, rest) => {
      let jid: JID;
      try {
        jid = JID.of(name === '' ? undefined : name, host === '' ? 'example.org' : host, rest);
      } catch (error) {
        assert.instance(error, JidError);
        return;
      }
      const again = JID.parse(jid.toString());
      assert.equal([again.local, again.domain, again.resource], [jid.local, jid.domain, jid.resource]);
      assert.ok(again.equals(jid));
    }),
    { numRuns: 3000 },
  );
});

parsing('takes time linear in the length of hostile texts', () => {
  const n = 200_000;
  const hostile = [
    `${'a'.repeat(n)}!"`,
    `${'a-'.repeat(n)}@`,
    `\u05D0${'\u0591'.repeat(n)}x@example.org`,
    `${'\u0628\u200C'.repeat(n)}@example.org`,
    `x/${'\u0301'.repeat(n)}\u200C`,
    `x/${'\u0628\u200C\u0301'.repeat(n)}`,
    '.'.repeat(n),
    `${`${'a'.repeat(63)}.`.repeat(n / 64)}!`,
    `\u00FC${'.a'.repeat(n)}`,
  ];
  // Each of these would take minutes if anything were quadratic; the suite's limit ends the test then.
  for (const text of hostile)
    assert.is.not(
      refusal(() => JID.parse(text)),
      'accepted',
    );
});

parsing.run();

const escaping = suite('JID escaping');

escaping('escapes what a localpart may not hold (XEP-0106 §3)', () => {
  assert.is(escapeLocal(`d'artagnan`), 'd\\27artagnan');
  assert.is(escapeLocal(`a "&'/:<>@b`), 'a\\20\\22\\26\\27\\2f\\3a\\3c\\3e\\40b');
  assert.is(JID.of(escapeLocal('treville@musketeers.lit'), 'smtp.gascon.fr').local, 'treville\\40musketeers.lit');
});

escaping('escapes a backslash only where it would read as an escape', () => {
  assert.is(escapeLocal('c:\\net'), 'c\\3a\\net');
  assert.is(escapeLocal('c:\\5commas'), 'c\\3a\\5c5commas');
  assert.is(escapeLocal('\\27'), '\\5c27');
  assert.is(escapeLocal('\\2F'), '\\2F');
});

escaping('unescapes the specified sequences and no others', () => {
  assert.is(unescapeLocal('d\\27artagnan'), `d'artagnan`);
  assert.is(unescapeLocal('c\\3a\\5c5commas'), 'c:\\5commas');
  assert.is(unescapeLocal('\\2plus\\2is\\4'), '\\2plus\\2is\\4');
  assert.is(unescapeLocal('\\2F\\21'), '\\2F\\21');
});

escaping('knows no space at either end', () => {
  for (const name of [' a', 'a ', ' ']) {
    assert.is(
      refusal(() => escapeLocal(name)),
      'local disallowed',
    );
  }
  assert.is(unescapeLocal('\\20a\\20b\\20'), '\\20a b\\20');
});

escaping('comes back to the name it began with', () => {
  const name = fc
    .array(fc.constantFrom('\\', '2', '0', '5', 'c', '7', 'f', ' ', '@', '/', "'", 'x'), {
      minLength: 1,
      maxLength: 10,
    })
    .map((characters) => characters.join('').trim());
  fc.assert(fc.property(name, (text) => assert.is(unescapeLocal(escapeLocal(text)), text)));
});

escaping.run();
