import * as assert from 'uvu/assert';
import { type Element, el } from '../../src/xml/element.ts';
import { StreamParser } from '../../src/xml/parser.ts';
import { suite } from '../harness.ts';
import { children, feed, HEADER, read, single, stanza, stanzas } from './transcript.ts';

const test = suite('StreamParser');

const STREAMS = 'http://etherx.jabber.org/streams';
const nothing = { header() {}, element() {}, footer() {}, error() {} };

test('reports header, stanzas and footer', () => {
  const events = read(`<?xml version='1.0'?>\n${HEADER}\n<a>x</a> <b xmlns='urn:b'/>\n\t</stream:stream>\n`);
  assert.equal(events, [
    ['header', el('stream', { xmlns: STREAMS })],
    ['element', el('a', { xmlns: 'jabber:client' }, 'x')],
    ['element', el('b', { xmlns: 'urn:b' })],
    ['footer'],
  ]);
});

test('reports a header with its attributes before anything follows it', () => {
  const [header] = read("<stream:stream to='a' version='1.0' xml:lang='en' xmlns:stream='urn:s'>");
  assert.equal(header, ['header', el('stream', { xmlns: 'urn:s', to: 'a', version: '1.0', 'xml:lang': 'en' })]);
});

test('leaves the judgement of the root to others', () => {
  assert.equal(read('<html/>'), [['header', el('html', { xmlns: '' })], ['footer']]);
});

test('accepts what XML 1.0 allows at the beginning', () => {
  for (const prolog of [
    '',
    ' \n\t',
    "<?xml version='1.0'?>",
    '<?xml version="1.0" encoding="UTF-8" standalone=\'yes\' ?>\n',
    "<?xml version='1.0' encoding='utf-8'?>",
    "<?xml version='1.1'?>",
  ]) {
    assert.equal(read(`${prolog}<a/>`).at(-1), ['footer'], prolog);
  }
});

test('accepts white space where XML allows it', () => {
  const expected = el('a', { xmlns: 'jabber:client', b: 'c', d: 'e' }, el('f'), el('g'));
  assert.equal(stanza("<a\n b = 'c'\t\r\n d\n=\n'e' ><f /><g\n></g\t></a >"), expected);
});

test('resolves the references that need no declaration', () => {
  assert.equal(
    children('<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x1F600;&#0067;&#x00044;&#9;&#xa;&#13;&#x10FFFF;</a>'),
    ['<>&"\'AB😀CD\t\n\r\u{10FFFF}'],
  );
  assert.is(stanza("<a b='&lt;&amp;&#9;&#10;&#13;&#x3c;'/>").attr('b'), '<&\t\n\r<');
});

test('takes CDATA sections for text', () => {
  assert.equal(children('<a>x<![CDATA[<b>&amp;]]]]><![CDATA[>]]>y<![CDATA[]]></a>'), ['x<b>&amp;]]>y']);
  assert.equal(children('<a><![CDATA[< </ <!-- <?x]]></a>'), ['< </ <!-- <?x']);
  assert.equal(children('<a><b/><![CDATA[]]></a>').length, 1);
});

test('normalises line ends, and white space in attribute values', () => {
  assert.equal(children('<a>1\r\n2\r3\n4\r\r\n5</a>'), ['1\n2\n3\n4\n\n5']);
  assert.equal(children('<a>1\r&#10;2&#13;\n3</a>'), ['1\n\n2\r\n3']);
  assert.equal(children('<a><![CDATA[1\r\n2\r]]>\n</a>'), ['1\n2\n\n']);
  assert.is(stanza("<a b='1\t2\n3\r\n4\r5&#13;\n6'/>").attr('b'), '1 2 3 4 5\r 6');
});

test('lets pass what only looks forbidden', () => {
  assert.equal(children('<a>]] > ]&#93;> ]]&gt; &#93;]> ]]&amp;> ]]\u007F\u0085></a>'), [
    ']] > ]]> ]]> ]]> ]]&> ]]\u007F\u0085>',
  ]);
  assert.is(stanza("<a b=']]>&#x3C;\"'/>").attr('b'), ']]><"');
});

test('takes a long text for one text', () => {
  const long = 'x€'.repeat(100_000);
  assert.equal(children(`<a>${long}</a>`), [long]);
  assert.equal(children(`<a><![CDATA[${long}]]></a>`), [long]);
});

test('leaves the limits of other users of sax alone', async () => {
  const { default: sax } = await import('sax');
  assert.is((sax as unknown as { MAX_BUFFER_LENGTH: number }).MAX_BUFFER_LENGTH, 64 * 1024);
});

test('delivers what precedes an error, and nothing behind it', () => {
  for (const bad of ['<b></c>', 'text<c/>', '<!-- -->', '<b>\0</b>', '<b c="<"/>']) {
    const events = read(`${HEADER}<a/>${bad}<d/></stream:stream>`);
    assert.equal(
      events.map(([kind]) => kind),
      ['header', 'element', 'error'],
      bad,
    );
  }
  const invalid = Buffer.concat([Buffer.from(`${HEADER}<a/>`), Buffer.from([0xff]), Buffer.from('<b/>')]);
  assert.equal(
    read(invalid).map(([kind]) => kind),
    ['header', 'element', 'error'],
  );
});

test('is dead after an error', () => {
  const errors: string[] = [];
  const parser = new StreamParser({ ...nothing, error: ({ condition }) => errors.push(condition) });
  parser.write(Buffer.from(`${HEADER}text<a>`));
  parser.write(Buffer.from('</b>'));
  parser.end();
  assert.equal(errors, ['bad-format']);
});

test('says at the end whether the document is complete', () => {
  const end = (document: string | Uint8Array) => {
    const errors: string[] = [];
    const parser = new StreamParser({ ...nothing, error: ({ condition }) => errors.push(condition) });
    parser.write(Buffer.from(document));
    parser.end();
    return errors;
  };
  assert.equal(end(`${HEADER}</stream:stream>`), []);
  assert.equal(end(`${HEADER}</stream:stream`), ['not-well-formed']);
  assert.equal(end(HEADER), ['not-well-formed']);
  assert.equal(end(''), ['not-well-formed']);
  assert.equal(end(Buffer.concat([Buffer.from(`${HEADER}<a>`), Buffer.from([0xe2, 0x82])])), ['unsupported-encoding']);
});

test('does not keep the bytes it was given', () => {
  const events: Element[] = [];
  const parser = new StreamParser({ ...nothing, element: (element) => events.push(element) });
  const chunk = Buffer.from(`${HEADER}<a>€</a>`);
  for (let cut = 0; cut < chunk.length; cut += 1) {
    const piece = Buffer.from(chunk.subarray(cut, cut + 1));
    parser.write(piece);
    piece.fill(0x3c);
  }
  assert.is(events[0]?.text, '€');
});

test('stops inside of a handler, and knows whether anything follows', () => {
  const run = (first: string, ...rest: string[]) => {
    const seen: string[] = [];
    const parser: StreamParser = new StreamParser({
      header: () => seen.push('header'),
      element: (element) => {
        seen.push(element.name);
        if (element.name === 'proceed') parser.stop();
      },
      footer: () => seen.push('footer'),
      error: () => seen.push('error'),
    });
    assert.not.ok(parser.stopped);
    parser.write(Buffer.from(HEADER + first));
    assert.ok(parser.stopped);
    for (const chunk of rest) parser.write(Buffer.from(chunk));
    parser.end();
    assert.equal(
      seen.filter((name) => name !== 'a'),
      ['header', 'proceed'],
    );
    return parser.trailing;
  };
  assert.is(run('<proceed/>'), false);
  assert.is(run('<a/><proceed></proceed>'), false);
  assert.is(run('<proceed/>', ''), false);
  assert.is(run('<proceed/>\n'), true);
  assert.is(run('<proceed/><b/>'), true);
  assert.is(run('<proceed/></stream:stream>'), true);
  assert.is(run('<proceed/>', 'x'), true);
  assert.is(run(`${'<a/>'.repeat(2000)}<proceed/>${'<a/>'.repeat(2000)}`), true);
  assert.is(run(`${'<a/>'.repeat(2000)}<proceed/>`), false);
});

test('knows that nothing follows in a chunk of any length', () => {
  for (let length = 2000; length < 2100; length += 1) {
    const parser: StreamParser = new StreamParser({ ...nothing, element: () => parser.stop() });
    const tag = '<proceed/>';
    parser.write(Buffer.from(HEADER + ' '.repeat(length - HEADER.length - tag.length) + tag));
    assert.ok(parser.stopped);
    assert.is(parser.trailing, false, `${length} bytes`);
  }
});

test('lets through what a handler throws', () => {
  const failure = new Error('a defect');
  const parser = new StreamParser({
    ...nothing,
    header() {
      throw failure;
    },
  });
  assert.throws(
    () => parser.write(Buffer.from(HEADER)),
    (error: unknown) => error === failure,
  );
});

test('sees a byte behind the stop that is not yet a character, or none at all', () => {
  for (const byte of [0xe2, 0xff]) {
    const parser: StreamParser = new StreamParser({ ...nothing, element: () => parser.stop() });
    parser.write(Buffer.concat([Buffer.from(`${HEADER}<a/>`), Buffer.from([byte])]));
    assert.ok(parser.trailing);
  }
});

test('stops in the header and in the footer', () => {
  for (const event of ['header', 'footer'] as const) {
    const seen: string[] = [];
    const parser: StreamParser = new StreamParser({
      ...nothing,
      element: () => seen.push('element'),
      error: () => seen.push('error'),
      [event]: () => parser.stop(),
    });
    parser.write(Buffer.from(`${HEADER}${event === 'header' ? '<a/>' : ''}</stream:stream>x`));
    assert.equal(seen, []);
    assert.ok(parser.trailing);
  }
});

test('works however the bytes are cut', () => {
  const document = `<?xml version="1.0"?>${HEADER} <a b='é&lt;' xml:lang="en">\r\n€😀<![CDATA[]]]]><c/></a > </stream:stream >`;
  const bytes = Buffer.from(document);
  const whole = read(bytes);
  assert.is(whole.length, 3);
  assert.equal(feed(single(bytes)), whole);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    assert.equal(feed([bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`);
  }
});

test('cuts a long chunk anywhere, also inside of a character', () => {
  const texts = Array.from({ length: 3000 }, (_, i) => `${'€'.repeat(i % 7)}😀${i}`);
  const found = stanzas(texts.map((text) => `<a b='${text}'>${text}</a>`).join(''));
  assert.equal(
    found.map((element) => [element.attr('b'), element.text]),
    texts.map((text) => [text, text]),
  );
});

test.run();
