import { malformed, XmlError } from './error.ts';
import { isName } from './names.ts';

/** What no XML 1.0 document may contain (§2.2). Half a surrogate pair is left out: it cannot come from UTF-8. */
const FORBIDDEN = /[^\t\n\r -\uFFFD]/;

/** Text that is not simply itself: it has a forbidden character, a carriage return, or what may be a literal `]]>`. */
const NOTABLE_TEXT = /[^\t\n -\uFFFD]|]]>/;

/** An attribute value that is not simply itself: it has a forbidden character, white space to normalise, or a `<`. */
const NOTABLE_VALUE = /[^ -;=-\uFFFD]/;

const PREDEFINED: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** What `&name;` stands for; `name` is `#65` or `#x41`, or one of the five that need no declaration. */
export function dereference(name: string): string {
  const predefined = PREDEFINED.get(name);
  if (predefined !== undefined) return predefined;
  if (isName(name)) throw new XmlError('restricted-xml', 'a reference to an entity');
  const [, decimal, hexadecimal] = /^#(?:(\d+)|x([\dA-Fa-f]+))$/.exec(name) ?? [];
  const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '0', 16) : Number.parseInt(decimal, 10);
  const character = code <= 0x10ffff ? String.fromCodePoint(code) : '\0';
  if (FORBIDDEN.test(character) || (code >= 0xd800 && code <= 0xdfff)) {
    throw malformed('a reference to no character of XML');
  }
  return character;
}

/** Text as an application sees it. `references` are the indices, in order, of what was not written literally. */
export function normalizeText(text: string, references: readonly number[]): string {
  return NOTABLE_TEXT.test(text) ? normalize(text, references, false) : text;
}

/** An attribute value as an application sees it. `references` are the indices, in order, of what was not written literally. */
export function normalizeValue(value: string, references: readonly number[]): string {
  return NOTABLE_VALUE.test(value) ? normalize(value, references, true) : value;
}

/** Normalises line ends (XML 1.0 §2.11) and an attribute's white space (§3.3.3); refuses what must not be literal. */
function normalize(raw: string, references: readonly number[], attribute: boolean): string {
  let normal = '';
  let next = 0;
  let brackets = 0;
  for (let i = 0; i < raw.length; i += 1) {
    const character = raw[i] as string;
    if (references[next] === i) {
      normal += character;
      next += 1;
      brackets = 0;
      continue;
    }
    if (FORBIDDEN.test(character)) throw malformed('a character that XML forbids');
    if (attribute ? character === '<' : character === '>' && brackets >= 2) {
      throw malformed(attribute ? 'a literal < in an attribute' : 'a literal ]]> in text');
    }
    brackets = character === ']' ? brackets + 1 : 0;
    if (character === '\r' && raw[i + 1] === '\n' && references[next] !== i + 1) continue;
    if (attribute && (character === '\n' || character === '\t' || character === '\r')) normal += ' ';
    else normal += character === '\r' ? '\n' : character;
  }
  return normal;
}
