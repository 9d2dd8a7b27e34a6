import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { CONNECT_LIMITS, ONLINE_LIMITS, type ParserLimits, StreamParser } from '../../src/xml/parser.ts';
import { suite } from '../harness.ts';
import { type Event, feed, HEADER, refusal, single } from './transcript.ts';

const test = suite('Limits', 60_000);

const MiB = 1024 * 1024;
const nothing = { header() {}, element() {}, footer() {}, error() {} };

setFlagsFromString('--expose-gc');
const gc: () => void = runInNewContext('gc');

/** Bytes of heap in use once the garbage is gone. */
function heap(): number {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

/** Checks that `content` is the most that `limits` allow, and `more` too much, wherever the bytes are cut. */
function exactly(limits: Partial<ParserLimits>, content: string, more: string): void {
  for (const [text, expected] of [
    [content, 'element'],
    [more, 'error'],
  ] as const) {
    const bytes = Buffer.from(text);
    const check = (...chunks: Uint8Array[]) => {
      const [kind, condition] = feed([Buffer.from(HEADER), ...chunks], limits).at(-1) as Event;
      assert.is(kind, expected, text.slice(0, 80));
      if (kind === 'error') assert.is(condition, 'policy-violation');
    };
    check(...single(bytes));
    for (let cut = 0; cut < Math.min(bytes.length, 100); cut += 1) check(bytes.subarray(0, cut), bytes.subarray(cut));
  }
}

test('have the documented defaults', () => {
  assert.equal(ONLINE_LIMITS, { stanzaBytes: 1_048_576, depth: 100, attributes: 100, attributeLength: 65_536 });
  assert.equal(CONNECT_LIMITS, { ...ONLINE_LIMITS, stanzaBytes: 65_536 });
});

test('depth', () => {
  exactly({ depth: 1 }, '<a/><a>x</a>', '<a><b/></a>');
  exactly({ depth: 3 }, '<a><b><c/></b><b><c/></b></a>', '<a><b><c><d/></c></b></a>');
  assert.is(refusal('<a>'.repeat(101)), 'policy-violation', 'before anything is closed');
  assert.is(refusal(`${'<a>'.repeat(100)}${'</a>'.repeat(100)}`), undefined);
});

test('attributes of an element, declarations included', () => {
  exactly({ attributes: 2 }, "<a b='1' c='2'/>", "<a b='1' c='2' d='3'/>");
  exactly(
    { attributes: 3 },
    "<a b='1' xmlns='urn:a' xmlns:p='urn:p'/>",
    "<a xmlns='urn:a' xmlns:p='urn:p' b='1' p:b='2'/>",
  );
  assert.is(refusal(`<a${Array.from({ length: 101 }, (_, i) => ` b${i}=''`).join('')}`), 'policy-violation');
});

test('length of an attribute and of a name', () => {
  const limit = 90;
  exactly({ attributeLength: limit }, `<a b='${'x'.repeat(90)}'/>`, `<a b='${'x'.repeat(91)}'/>`);
  exactly({ attributeLength: limit }, `<a b='${'&lt;'.repeat(90)}'/>`, `<a b='${'&lt;'.repeat(91)}'/>`);
  exactly({ attributeLength: limit }, `<a ${'b'.repeat(90)}='c'/>`, `<a ${'b'.repeat(91)}='c'/>`);
  exactly({ attributeLength: limit }, `<${'a'.repeat(90)}/>`, `<${'a'.repeat(91)}/>`);
});

test('are the only ones: none of sax is in the way', () => {
  const value = 'x'.repeat(200_000);
  const content = `<a b='${value}' c='${value}'><${value}/></a>`;
  assert.is(refusal(content, { attributeLength: 200_000 }), undefined);
});

test('length of what has no end yet', () => {
  const long = 'x'.repeat(4096);
  for (const content of [`<${long}`, `<a ${long}`, `<a b='${long}`, `<a>&${long}`, `<a></${long}`]) {
    assert.is(refusal(content, { attributeLength: 1000 }), 'policy-violation', content.slice(0, 10));
  }
});

test('bytes of a stanza', () => {
  for (const unit of ['x', 'é', '€', '😀', '&lt;', '<b/>', '<![CDATA[x]]>', '\r\n']) {
    for (const count of [25, 2000]) {
      const content = `<ab c='é'>${unit.repeat(count)}</ab>`;
      const stanzaBytes = Math.max(Buffer.byteLength(content), HEADER.length);
      exactly({ stanzaBytes }, `<a/>${content}\n ${content}`, `<a/>\n<a>${'y'.repeat(stanzaBytes - 6)}</a>`);
    }
  }
});

test('bytes of the header, from the first byte on', () => {
  const header = `<?xml version='1.0'?>\n ${HEADER}`;
  for (const cut of [(bytes: Buffer) => [bytes], single]) {
    assert.is(feed(cut(Buffer.from(header)), { stanzaBytes: header.length }).at(-1)?.[0], 'header');
    assert.equal(feed(cut(Buffer.from(header)), { stanzaBytes: header.length - 1 }), [['error', 'policy-violation']]);
  }
});

test('bytes of the footer', () => {
  const footer = `</stream:stream${' '.repeat(200)}>`;
  for (const cut of [(bytes: Buffer) => [bytes], single]) {
    const last = (stanzaBytes: number) => feed(cut(Buffer.from(HEADER + footer)), { stanzaBytes }).at(-1);
    assert.equal(last(footer.length), ['footer']);
    assert.equal(last(footer.length - 1), ['error', 'policy-violation']);
  }
});

test('may be changed while the parser runs', () => {
  const seen: string[] = [];
  const parser = new StreamParser(
    { ...nothing, element: ({ text }) => seen.push(`${text.length}`), error: ({ condition }) => seen.push(condition) },
    { ...CONNECT_LIMITS, stanzaBytes: 100 },
  );
  parser.write(Buffer.from(HEADER));
  parser.limits = ONLINE_LIMITS;
  parser.write(Buffer.from(`<a>${'x'.repeat(1000)}</a>`));
  parser.limits = { ...ONLINE_LIMITS, depth: 200 };
  parser.write(Buffer.from(`${'<a>'.repeat(200)}${'</a>'.repeat(200)}`));
  parser.limits = { ...CONNECT_LIMITS, stanzaBytes: 100 };
  parser.write(Buffer.from(`<a>${'x'.repeat(1000)}</a>`));
  assert.equal(seen, ['1000', '0', 'policy-violation']);
});

test('come before what is wrong behind them, wherever the bytes are cut', () => {
  for (const [content, limits] of [
    [`<a>${'x'.repeat(200)}</b>`, { stanzaBytes: 150 }],
    [`<a b='${'x'.repeat(91)}<'/>`, { attributeLength: 90 }],
    [`<a>&${'x'.repeat(91)};</a>`, { attributeLength: 90 }],
  ] as const) {
    assert.is(refusal(content, limits), 'policy-violation');
    assert.is(feed([Buffer.from(HEADER), ...single(Buffer.from(content))], limits).at(-1)?.[1], 'policy-violation');
  }
});

test('end what never ends', () => {
  const endless: Record<string, readonly [start: string, rest: string]> = {
    text: [`${HEADER}<a>`, 'x'],
    'text of more bytes': [`${HEADER}<a>`, '€'],
    references: [`${HEADER}<a>`, '&lt;'],
    brackets: [`${HEADER}<a>`, ']'],
    'a CDATA section': [`${HEADER}<a><![CDATA[`, ']x'],
    'white space in a stanza': [`${HEADER}<a>`, ' '],
    'an attribute': [`${HEADER}<a b='`, 'x'],
    'an attribute of references': [`${HEADER}<a b='`, '&#13;'],
    'the name of an attribute': [`${HEADER}<a `, 'b'],
    'white space in a tag': [`${HEADER}<a`, '\n'],
    'white space in a value': [`${HEADER}<a b=`, ' '],
    'the name of a stanza': [`${HEADER}<`, 'a'],
    'the name of an element': [`${HEADER}<a><`, 'b'],
    'the name of an end tag': [`${HEADER}<a></`, 'a'],
    'white space in an end tag': [`${HEADER}<a></a`, ' '],
    'white space in the footer': [`${HEADER}</stream:stream`, ' '],
    'the name of an entity': [`${HEADER}<a>&`, 'e'],
    'a number': [`${HEADER}<a>&#`, '0'],
    'a number in the stream': [`${HEADER}&#`, '0'],
    children: [`${HEADER}<a>`, '<b/>'],
    levels: [`${HEADER}<a>`, '<b>'],
    'white space before the header': ['', ' '],
    'white space behind the XML declaration': ["<?xml version='1.0'?>", ' '],
    'the XML declaration': ['<?xml ', 'x'],
    'the name of a processing instruction': ['<?', 'x'],
    'the name of the root': ['<', 's'],
    'a header': ['<s ', 'xmlns:a '],
    'an attribute of the root': ["<s to='", 'x'],
  };
  for (const [name, [start, rest]] of Object.entries(endless)) {
    let condition: string | undefined;
    const parser = new StreamParser({ ...nothing, error: (error) => (condition = error.condition) }, CONNECT_LIMITS);
    const chunk = Buffer.from(rest.repeat(250));
    const before = heap();
    parser.write(Buffer.from(start));
    let bytes = 0;
    while (condition === undefined && bytes < 2 * CONNECT_LIMITS.stanzaBytes) {
      parser.write(chunk);
      bytes += chunk.length;
    }
    assert.ok(condition === 'policy-violation' || condition === 'not-well-formed', `${name}: ${condition}`);
    assert.ok(bytes <= CONNECT_LIMITS.stanzaBytes + 2048 + chunk.length, `${name}: refused after ${bytes} bytes`);
    const growth = heap() - before;
    assert.ok(growth < 4 * MiB, `${name}: takes ${growth} bytes`);
    parser.write(chunk);
  }
});

test('count nothing against white space between stanzas, which takes no memory', () => {
  const errors: string[] = [];
  let elements = 0;
  const parser = new StreamParser(
    { ...nothing, element: () => (elements += 1), error: ({ condition }) => errors.push(condition) },
    CONNECT_LIMITS,
  );
  parser.write(Buffer.from(HEADER));
  const before = heap();
  const chunk = Buffer.alloc(64 * 1024, ' ');
  for (let i = 0; i < 256; i += 1) parser.write(chunk);
  assert.ok(heap() - before < MiB);
  parser.write(Buffer.from('<a/>'));
  assert.equal([elements, errors], [1, []]);
});

test('hold for one stanza at a time', () => {
  let elements = 0;
  const parser = new StreamParser({ ...nothing, element: () => (elements += 1) }, CONNECT_LIMITS);
  parser.write(Buffer.from(HEADER));
  const chunk = Buffer.from(`<a>${'x'.repeat(10_000)}</a>`.repeat(10));
  for (let i = 0; i < 20; i += 1) parser.write(chunk);
  assert.is(elements, 200);
});

test('what is kept of a stanza does not keep the chunk it came in', () => {
  const kept: unknown[] = [];
  const parser = new StreamParser({
    ...nothing,
    element: ({ name, text, attrs }) => name === 'keep' && kept.push(text, attrs.id),
  });
  parser.write(Buffer.from(HEADER));
  const filler = `<other>${'x'.repeat(1000)}</other>`.repeat(64);
  const before = heap();
  for (let i = 0; i < 200; i += 1) {
    parser.write(
      Buffer.from(`${filler}<keep id='identifier-${i}-of-a-message'>a text of some length ${i}</keep>${filler}`),
    );
  }
  const growth = heap() - before;
  assert.is(kept.length, 400);
  assert.ok(growth < 200 * 6 * 1024, `${growth} bytes for ${kept.length} strings`);
});

test('a parser at rest is small', () => {
  const parsers: StreamParser[] = [];
  const make = () => {
    const parser = new StreamParser(nothing);
    parser.write(Buffer.from(`${HEADER}<a b='c'><d>${'x'.repeat(5000)}</d></a>`));
    parsers.push(parser);
  };
  for (let i = 0; i < 20; i += 1) make();
  const before = heap();
  for (let i = 0; i < 200; i += 1) make();
  const each = (heap() - before) / 200;
  assert.ok(each < 8 * 1024, `${each} bytes`);
  assert.is(parsers.length, 220);
});

test.run();
