import * as assert from 'uvu/assert';
import type { XmlCondition } from '../../src/xml/error.ts';
import { StreamParser } from '../../src/xml/parser.ts';
import { suite } from '../harness.ts';
import { feed, HEADER, read, refusal, single } from './transcript.ts';

const test = suite('XML that is refused');

/** Checks that each of the contents of a stream is refused with that condition, in one chunk and byte by byte. */
function refuses(condition: XmlCondition, contents: readonly (string | Uint8Array)[]): void {
  for (const content of contents) {
    const bytes = Buffer.concat([Buffer.from(HEADER), Buffer.from(content)]);
    assert.equal(read(bytes).at(-1), ['error', condition], String(content));
    assert.equal(feed(single(bytes)).at(-1), ['error', condition], `${content}, byte by byte`);
  }
}

/** The same for whole documents. */
function refusesDocument(condition: XmlCondition, documents: readonly (string | Uint8Array)[]): void {
  for (const document of documents) {
    assert.equal(read(document).at(-1), ['error', condition], String(document));
    assert.equal(feed(single(Buffer.from(document))).at(-1), ['error', condition], `${document}, byte by byte`);
  }
}

function utf16(text: string, mark: string): { little: Buffer; big: Buffer } {
  const little = Buffer.from(mark + text, 'utf16le');
  return { little, big: Buffer.from(little).swap16() };
}

test('comments, processing instructions, document types', () => {
  refuses('restricted-xml', [
    '<!-- x -->',
    '<!---->',
    '<a><!-- x --></a>',
    '<a><!----></a>',
    '<a>x<!---->y</a>',
    '<a><!-',
  ]);
  refuses('restricted-xml', ['<?x?>', '<?xml version="1.0"?>', '<a><?x y?></a>', '<a><?']);
  refuses('restricted-xml', [
    '<!DOCTYPE a>',
    '<a><!DOCTYPE a></a>',
    '<!doctype a>',
    '<!ENTITY a "b">',
    '<a><!ELEMENT a ANY></a>',
  ]);
  refusesDocument('restricted-xml', [
    '<!DOCTYPE stream [<!ENTITY lol "lol">]><stream>&lol;</stream>',
    "<?xml version='1.0'?><!DOCTYPE stream SYSTEM 'file:///etc/passwd'><stream/>",
    '<!-- x --><a/>',
    '<!----><a/>',
    '<?xml-stylesheet href="x"?><a/>',
    '<?x?><a/>',
    ' <?xml version="1.0"?><a/>',
    "<?xml version='1.0'?><?xml version='1.0'?><a/>",
    '<a/><!-- x -->',
    '<a/><?x?>',
  ]);
});

test('entities that need a declaration', () => {
  refuses('restricted-xml', [
    '<a>&nbsp;</a>',
    '<a>&AMP;</a>',
    '<a>&Lt;</a>',
    '<a>&lol;</a>',
    "<a b='&copy;'/>",
    '<a>&__proto__;</a>',
  ]);
  refuses('restricted-xml', ['<a>&constructor;</a>', '<a>&toString;</a>', '<a>&hasOwnProperty;</a>']);
});

test('references that are none', () => {
  refuses('not-well-formed', [
    '<a>&;</a>',
    '<a>&#;</a>',
    '<a>&#x;</a>',
    '<a>&#X41;</a>',
    '<a>&#xG;</a>',
    '<a>&#6a;</a>',
    '<a>&# 65;</a>',
  ]);
  refuses('not-well-formed', ['<a>& </a>', '<a>&amp</a>', "<a b='&'/>", '<a>&#65</a>', '<a>&a#b;</a>', '<a>&a:b;</a>']);
});

test('characters that XML forbids, literal or as references', () => {
  for (const character of ['\0', '\u0001', '\b', '\u000B', '\f', '\u001F', '\uFFFE', '\uFFFF']) {
    const reference = character.charCodeAt(0);
    refuses('not-well-formed', [
      `<a>x${character}</a>`,
      `<a b='${character}'/>`,
      `<a><![CDATA[${character}]]></a>`,
      `<a${character}/>`,
      `<a ${character}/>`,
      `<a>&#${reference};</a>`,
      `<a b='&#x${reference.toString(16)};'/>`,
    ]);
  }
  refuses('not-well-formed', [
    '<a>&#xD800;</a>',
    '<a>&#xDFFF;</a>',
    '<a>&#x110000;</a>',
    `<a>&#${'9'.repeat(400)};</a>`,
    '<a>&#-1;</a>',
  ]);
});

test('bytes that are not UTF-8', () => {
  const bad = {
    'a lone continuation': [0x80],
    'an overlong slash': [0xc0, 0xaf],
    'an overlong slash in three bytes': [0xe0, 0x80, 0xaf],
    'an overlong slash in four bytes': [0xf0, 0x80, 0x80, 0xaf],
    'a surrogate': [0xed, 0xa0, 0x80],
    'a surrogate pair': [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
    'beyond Unicode': [0xf4, 0x90, 0x80, 0x80],
    'a lead byte of five': [0xf8, 0x88, 0x80, 0x80, 0x80],
    'never a byte': [0xff],
    'a character cut short': [0xe2, 0x82, 0x41],
    'two lead bytes': [0xe2, 0xe2, 0x82, 0xac],
    'Latin-1': [0xe9, 0x20],
  };
  for (const [name, bytes] of Object.entries(bad)) {
    for (const [before, after] of [
      ['<a>', '</a>'],
      ["<a b='", "'/>"],
      ['<a>é', ''],
      ['', ''],
    ] as const) {
      const content = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(`${after}<b/>`)]);
      const document = Buffer.concat([Buffer.from(HEADER), content]);
      assert.equal(read(document).at(-1), ['error', 'unsupported-encoding'], name);
      assert.equal(feed(single(document)).at(-1), ['error', 'unsupported-encoding'], `${name}, byte by byte`);
    }
  }
});

test('bytes that cannot become UTF-8, without waiting for more', () => {
  for (const bytes of [[0xe2, 0x41], [0xe2, 0x82, 0x41], [0xf0, 0x41, 0x41], [0x80], [0xe2, 0x82, 0x82, 0x82]]) {
    assert.is(refusal(Buffer.concat([Buffer.from('<a>'), Buffer.from(bytes)])), 'unsupported-encoding');
  }
});

test('other encodings, with a mark, without one, or declared', () => {
  const text = "<?xml version='1.0'?><stream>";
  for (const mark of ['\uFEFF', '']) {
    const { little, big } = utf16(text, mark);
    refusesDocument('unsupported-encoding', [little, big]);
  }
  const little32 = Buffer.concat([...text].map((character) => Buffer.from([character.charCodeAt(0), 0, 0, 0])));
  refusesDocument('unsupported-encoding', [little32, Buffer.from(little32).swap32()]);
  refusesDocument('unsupported-encoding', [
    "<?xml version='1.0' encoding='UTF-16'?><a/>",
    '<?xml version="1.0" encoding="ISO-8859-1"?><a/>',
  ]);
});

test('a byte order mark, which in XMPP is none', () => {
  refusesDocument('not-well-formed', ['\uFEFF<a/>', "\uFEFF<?xml version='1.0'?><a/>"]);
});

test('malformed XML declarations', () => {
  refusesDocument('not-well-formed', [
    '<?xml?><a/>',
    "<?xml version='2.0'?><a/>",
    "<?xml encoding='UTF-8'?><a/>",
    "<?xml version='1.0' standalone='maybe'?><a/>",
    "<?xml version='1.0' encoding=''?><a/>",
    "<?xml version='1.0' x='y'?><a/>",
    "<?xml?version='1.0'?><a/>",
    '<?xml version=\'1.0"?><a/>',
  ]);
});

test('attributes twice', () => {
  refuses('not-well-formed', [
    "<a b='1' b='2'/>",
    "<a b='1' c='2' b='1'/>",
    "<a xml:lang='en' xml:lang='en'/>",
    "<a xmlns='urn:a' xmlns='urn:a'/>",
    "<a xmlns:p='urn:a' xmlns:p='urn:a'/>",
    "<a xmlns:p='urn:a' xmlns:q='urn:a' p:b='1' q:b='2'/>",
    "<a xmlns:p='urn:a' p:b='1' p:b='1'/>",
    "<a __proto__='1' __proto__='2'/>",
    "<a hasOwnProperty='1' hasOwnProperty='2'/>",
    "<a constructor='1' b='2' constructor='2'/>",
  ]);
  assert.is(refusal("<a xmlns:p='urn:a' b='1' p:b='2' c='3'/>"), undefined);
});

test('markup where it does not belong', () => {
  refuses('not-well-formed', [
    "<a b='<'/>",
    "<a b='x<y'/>",
    "<a b='\n<c/>'/>",
    '<a>]]></a>',
    '<a>x]]>y</a>',
    '<a>]]]]></a>',
  ]);
  refuses('not-well-formed', ['<a>&amp;]]></a>', '<a>]]>&gt;</a>', '<a><b/>]]></a>', '<a><![CDATA[]]>]]></a>']);
  refuses('not-well-formed', [
    '< a/>',
    '<\na/>',
    '<a></ a>',
    '<a></\ta>',
    '<a>< /a>',
    '<></>',
    '<a></>',
    '<a><1/></a>',
    '<a>< </a>',
  ]);
  refuses('not-well-formed', [
    '<a/ >',
    '<a b/>',
    '<a b=c/>',
    "<a b='c'd='e'/>",
    "<a 'b'/>",
    '<a =/>',
    '<a></a b>',
    '<a/b>',
    '<a<b/>',
  ]);
  refuses('not-well-formed', [
    '<a><![cdata[x]]></a>',
    '<a><![CDATA x]]></a>',
    '<a><![ CDATA[x]]></a>',
    '<a><![%x;[</a>',
  ]);
  refuses('not-well-formed', [
    '<a></b>',
    '</a>',
    '<a><b></a></b>',
    '<a></A>',
    '<\uD83D\uDE00/>',
    '<a:b:c xmlns:a="urn:a"/>',
    '<a></!a>',
  ]);
});

test('text, references and CDATA sections directly in the stream', () => {
  refuses('bad-format', [
    'x',
    ' x',
    '\u00A0',
    '<a/>x',
    '<a/> \n.',
    '&#32;',
    '&amp;',
    '<a/>&lt;',
    '<![CDATA[ ]]>',
    '<![CDATA[]]>',
    ']]>',
    '\0',
  ]);
  refusesDocument('not-well-formed', ['x', 'x<a/>', '&amp;<a/>']);
  refusesDocument('not-well-formed', ['<a/>x', '<a/>&#32;', "<?xml version='1.0'?>x<a/>"]);
  refusesDocument('bad-format', ['<![CDATA[]]><a/>', '<a/><![CDATA[ ]]>']);
});

test('a second root, and a second footer', () => {
  refusesDocument('not-well-formed', ['<a/><b/>', '<a></a><a>', `${HEADER}</stream:stream>${HEADER}`, '<a></a></a>']);
});

test('an error names no content', () => {
  const secret = 'c2VjcmV0';
  for (const content of [
    secret,
    `<a>${secret}</b>`,
    `<a>&${secret};</a>`,
    `<a b='${secret}<'/>`,
    `<a ${secret}/>`,
    `</${secret}>`,
    `</stream:stream></${secret}>`,
  ]) {
    const bytes = Buffer.from(HEADER + content);
    let message = '';
    const parser = new StreamParser({
      header() {},
      element() {},
      footer() {},
      error: (error) => (message = error.message),
    });
    parser.write(bytes);
    assert.ok(message.length > 0, content);
    assert.not.match(message, secret);
  }
});

test.run();
