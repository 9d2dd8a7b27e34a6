/**
 * From text to elements: sax, strict, with what its strict mode lets through refused, and namespaces resolved here. Knows
 * one framing rule of XMPP: the root stays open, and each of its children is complete in itself (RFC 6120 §4).
 */
import sax from 'sax';
import { Attributes, Element, type Node } from './element.ts';
import { XmlError } from './error.ts';
import { isName, XML_NAMESPACE, XMLNS_NAMESPACE } from './names.ts';

/** What a reader accepts, and no more. */
export interface ReaderLimits {
  /** Levels of elements in one stanza, itself included. */
  depth: number;
  /** Attributes of one element, namespace declarations included. */
  attributes: number;
  /** Length of one attribute's value, in UTF-16 code units. */
  attributeLength: number;
}

export interface ReaderHandler {
  /** The root's start tag: the root, as yet without children. */
  open(root: Element): void;
  /** A complete child of the root. */
  child(element: Element): void;
  /** The root's end tag. */
  close(): void;
}

/** The parts of sax's parser that its type declarations leave out. */
interface Sax extends sax.SAXParser {
  state: number;
  c: string;
  textNode: string;
  tagName: string;
  attribValue: string;
  sgmlDecl: string;
  bufferCheckPosition: number;
}

/** Prefixes in force; each scope has the outer one as its prototype. */
type Scope = Record<string, string>;

const { STATE } = sax as unknown as { STATE: Record<string, number> };
const { BEGIN, TEXT, OPEN_WAKA, CLOSE_TAG, SGML_DECL, ATTRIB_VALUE_ENTITY_Q } = STATE;

const OUTERMOST: Scope = Object.assign(Object.create(null), { xml: XML_NAMESPACE });
const NO_ATTRIBUTES: Readonly<Record<string, string>> = Object.freeze(new Attributes());
const PREDEFINED: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** A `<` or `</` after which sax would accept white space, a declaration, or the end of the piece. */
const OPENING = /<\/?(?=[\s!?]|$)/g;
/** Text that is not simply itself: a forbidden character, a carriage return, or what may be a literal `]]>`. */
const NOTABLE_TEXT = /[^\t\n -\uFFFD]|]]>/;
/** An attribute value that is not simply itself: a forbidden character, white space to normalise, or a `<`. */
const NOTABLE_VALUE = /[^ -;=-\uFFFD]/;
const FORBIDDEN = /[^\t\n\r -\uFFFD]/;
const XML_DECLARATION =
  /^version\s*=\s*(?:"1\.\d+"|'1\.\d+')(?:\s+encoding\s*=\s*(?:"([\w.-]+)"|'([\w.-]+)'))?(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*$/;

export class Reader {
  limits: ReaderLimits;
  readonly #handler: ReaderHandler;
  readonly #sax: Sax;
  /** The open elements, the default namespace and the prefixes in force in each. */
  readonly #open: { element: Element; children: Node[]; namespace: string; scope: Scope }[] = [];
  #closed = false;
  #attrs: Record<string, string> | undefined;
  #attributes = 0;
  /** Names and values of the declarations and prefixed attributes of the tag being read. */
  #qualified: string[] = [];
  /** Where in the text or value being read a character came by reference, of those for which that makes a difference. */
  #references: number[] = [];
  #start = 0;

  constructor(handler: ReaderHandler, limits: ReaderLimits) {
    this.#handler = handler;
    this.limits = limits;
    const parser = new sax.SAXParser(true, { strictEntities: true } as sax.SAXOptions) as Sax;
    // sax checks the length of its buffers against the module-global MAX_BUFFER_LENGTH, cutting long text into several
    // events and refusing other long things at 64 KiB. Our own limits hold between any two pieces and are the
    // application's to choose; so the next check is put off for ever, for this parser and without touching the global.
    parser.bufferCheckPosition = Number.POSITIVE_INFINITY;
    parser.ENTITIES = new Proxy({}, { get: (_, name) => this.#reference(String(name)) });
    parser.onerror = (error) => this.#malformed(error);
    parser.onprocessinginstruction = ({ name, body }) => this.#declaration(name, body);
    parser.onopentagstart = (tag) => this.#tagStart(tag);
    parser.onattribute = ({ name, value }) => this.#attribute(name, value);
    parser.onopentag = ({ name }) => this.#tagEnd(name);
    parser.onclosetag = () => this.#close();
    parser.ontext = (text) => this.#text(text);
    parser.onopencdata = () => this.#inside();
    parser.oncdata = (text) => this.#text(text);
    this.#sax = parser;
  }

  /** UTF-16 code units read, up to the present event. */
  get position(): number {
    return this.#sax.position;
  }

  /** Whether nothing is half read: between the children of the root, or behind its end. */
  get idle(): boolean {
    return this.#open.length <= 1 && this.#sax.state === TEXT && (this.#open.length === 1 || this.#closed);
  }

  /** Where the child being read begins (or the header, or the footer). */
  get start(): number {
    return this.#start;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Reads on. Throws `XmlError`, and what the handler throws; after that the reader is of no more use. */
  write(piece: string): void {
    const parser = this.#sax;
    let from = 0;
    while (from < piece.length) {
      let to = from + 1;
      if (parser.state === OPEN_WAKA || parser.state === SGML_DECL || parser.state === BEGIN) {
        this.#check(piece[from] as string);
      } else if (parser.state === CLOSE_TAG && parser.tagName === '') {
        this.#check(piece[from] as string);
      } else {
        OPENING.lastIndex = from;
        to = OPENING.test(piece) ? OPENING.lastIndex : piece.length;
      }
      parser.write(from === 0 && to === piece.length ? piece : piece.slice(from, to));
      from = to;
    }
    if (this.#open.length <= 1) {
      // Text between stanzas is white space: nothing to collect.
      if (parser.textNode !== '') parser.flush();
      if (this.#open.length === 1 && parser.state !== TEXT) this.#start = parser.startTagPosition - 1;
    }
    if (parser.attribValue.length > this.limits.attributeLength) throw tooMuch('attribute too long');
  }

  /** Refuses what sax would let pass in the character behind `<`, `</` or `<!`, or at the very beginning. */
  #check(character: string): void {
    const { state, sgmlDecl, startTagPosition } = this.#sax;
    if (state === BEGIN) {
      // RFC 6120 §11.6: never a byte order mark.
      if (character === '\uFEFF') throw malformed('a byte order mark');
    } else if (state === SGML_DECL) {
      if (character === '[CDATA['[sgmlDecl.length]) return;
      if (sgmlDecl === '') throw new XmlError('restricted-xml', 'a comment or document type declaration');
      throw malformed('not a CDATA section');
    } else if (character === '?' && startTagPosition !== 1) {
      throw new XmlError('restricted-xml', 'a processing instruction');
    } else if (/\s/.test(character)) throw malformed('white space before a name');
  }

  #malformed(error: Error): never {
    // Only the encodings that are not ours begin with a zero byte, or have one next to the first `<`.
    if (this.#sax.c === '\0' && this.#sax.position <= 2) throw new XmlError('unsupported-encoding', 'not UTF-8');
    throw malformed(error.message.slice(0, error.message.indexOf('\n')));
  }

  #declaration(name: string, body: string): void {
    if (name !== 'xml') throw new XmlError('restricted-xml', 'a processing instruction');
    const match = XML_DECLARATION.exec(body);
    if (match === null) throw malformed('a bad XML declaration');
    if (!/^utf-8$/i.test(match[1] ?? match[2] ?? 'utf-8')) throw new XmlError('unsupported-encoding', 'not UTF-8');
  }

  /** What a reference stands for. sax itself would take `&AMP;` and `&#X41;` as well. */
  #reference(name: string): string {
    this.#inside();
    const predefined = PREDEFINED.get(name);
    const character = predefined ?? numeric(name);
    if (character.length === 1 && '<>]\t\n\r'.includes(character)) {
      const { state, attribValue, textNode } = this.#sax;
      this.#references.push((state === ATTRIB_VALUE_ENTITY_Q ? attribValue : textNode).length);
    }
    return character;
  }

  /** References and CDATA sections have no place directly in the stream. */
  #inside(): void {
    if (this.#open.length === 1 && this.#sax.state !== ATTRIB_VALUE_ENTITY_Q) throw stray();
  }

  #tagStart(tag: sax.Tag | sax.QualifiedTag): void {
    const depth = this.#open.length;
    if (depth === 0 && this.#closed) throw malformed('a second root');
    if (depth > this.limits.depth) throw tooMuch('elements too deep');
    if (depth === 1) this.#start = this.#sax.startTagPosition - 1;
    tag.attributes = {};
    this.#attrs = undefined;
    this.#attributes = 0;
  }

  #attribute(name: string, value: string): void {
    // sax drops a second attribute of a name in silence, if it remembers the first.
    this.#sax.tag.attributes = {};
    this.#attributes += 1;
    if (this.#attributes > this.limits.attributes) throw tooMuch('too many attributes');
    if (value.length > this.limits.attributeLength) throw tooMuch('attribute too long');
    const settled = NOTABLE_VALUE.test(value) ? this.#settle(value, true) : value;
    if (this.#references.length > 0) this.#references = [];
    if (name === 'xmlns' || (name !== 'xml:lang' && name.includes(':'))) this.#qualified.push(name, settled);
    else this.#set(name, settled);
  }

  #set(key: string, value: string): void {
    this.#attrs ??= new Attributes();
    if (this.#attrs[key] !== undefined) throw malformed('an attribute twice');
    this.#attrs[key] = value;
  }

  #tagEnd(name: string): void {
    const parent = this.#open.at(-1);
    let namespace = parent?.namespace ?? '';
    let scope = parent?.scope ?? OUTERMOST;
    if (this.#qualified.length > 0) {
      const qualified = this.#qualified;
      this.#qualified = [];
      const declared = new Set<string>();
      for (let i = 0; i < qualified.length; i += 2) {
        const [key, uri] = [qualified[i] as string, qualified[i + 1] as string];
        if (key !== 'xmlns' && !key.startsWith('xmlns:')) continue;
        if (declared.has(key)) throw malformed('an attribute twice');
        declared.add(key);
        const prefix = key.slice(6);
        if (!declarable(key, prefix, uri)) throw badPrefix();
        if (key === 'xmlns') namespace = uri;
        else scope = Object.assign(Object.create(scope), { [prefix]: uri });
      }
      for (let i = 0; i < qualified.length; i += 2) {
        const key = qualified[i] as string;
        if (declared.has(key)) continue;
        this.#set(`{${lookUp(scope, key)}}${local(key)}`, qualified[i + 1] as string);
      }
    }
    const attrs = this.#attrs ?? NO_ATTRIBUTES;
    const own = attrs['xml:lang'];
    const lang = own === undefined ? parent?.element.lang : own || undefined;
    const children: Node[] = [];
    const element = name.includes(':')
      ? new Element(local(name), lookUp(scope, name), attrs, children, lang)
      : new Element(name, namespace, attrs, children, lang);
    this.#open.push({ element, children, namespace, scope });
    if (parent === undefined) this.#handler.open(element);
  }

  #close(): void {
    if (this.#open.length === 1) this.#start = this.#sax.startTagPosition - 1;
    const { element } = this.#open.pop() as { element: Element };
    const parent = this.#open.at(-1);
    if (parent === undefined) {
      this.#closed = true;
      this.#handler.close();
    } else if (this.#open.length === 1) this.#handler.child(element);
    else parent.children.push(element);
  }

  #text(text: string): void {
    const settled = own(NOTABLE_TEXT.test(text) ? this.#settle(text, false) : text);
    if (this.#references.length > 0) this.#references = [];
    if (this.#open.length <= 1) {
      if (/[^ \t\n]/.test(settled)) throw stray();
      return;
    }
    const { children } = this.#open.at(-1) as { children: Node[] };
    if (typeof children.at(-1) === 'string') children.push(`${children.pop()}${settled}`);
    else children.push(settled);
  }

  /** Normalises line ends and an attribute's white space, and refuses what must not stand literally. */
  #settle(value: string, attribute: boolean): string {
    const references = this.#references;
    let next = 0;
    let brackets = 0;
    let settled = '';
    for (let i = 0; i < value.length; i += 1) {
      const character = value[i] as string;
      if (references[next] === i) {
        next += 1;
        brackets = 0;
        settled += character;
        continue;
      }
      if (FORBIDDEN.test(character)) throw malformed('a character that XML forbids');
      if (character === (attribute ? '<' : '>') && (attribute || brackets >= 2))
        throw malformed(`a literal ${character}`);
      brackets = character === ']' ? brackets + 1 : 0;
      if (character === '\r') {
        if (value[i + 1] === '\n' && references[next] !== i + 1) continue;
        settled += attribute ? ' ' : '\n';
      } else settled += attribute && (character === '\n' || character === '\t') ? ' ' : character;
    }
    return settled;
  }
}

function numeric(name: string): string {
  const match = /^#(?:x([\dA-Fa-f]+)|(\d+))$/.exec(name);
  if (match === null) {
    if (isName(name)) throw new XmlError('restricted-xml', 'a reference to an entity');
    throw malformed('a bad reference');
  }
  const code = match[1] === undefined ? Number.parseInt(match[2] as string, 10) : Number.parseInt(match[1], 16);
  const allowed = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) && !FORBIDDEN.test(String.fromCodePoint(code));
  if (!allowed) throw malformed('a reference to a character that XML forbids');
  return String.fromCodePoint(code);
}

/** Whether a declaration keeps the reserved names and namespaces what they are (Namespaces in XML 1.0 §3, §5). */
function declarable(key: string, prefix: string, uri: string): boolean {
  if (key === 'xmlns') return uri !== XML_NAMESPACE && uri !== XMLNS_NAMESPACE;
  if (!isName(prefix) || prefix === 'xmlns' || uri === '' || uri === XMLNS_NAMESPACE) return false;
  return (prefix === 'xml') === (uri === XML_NAMESPACE);
}

function lookUp(scope: Scope, name: string): string {
  const uri = scope[name.slice(0, name.indexOf(':'))];
  if (uri === undefined) throw badPrefix();
  return uri;
}

function local(name: string): string {
  const part = name.slice(name.indexOf(':') + 1);
  if (!isName(part)) throw malformed('a bad name');
  return part;
}

/**
 * V8 keeps a slice as a view of the string it was cut from. What the application may keep is copied instead, lest a
 * short text hold a whole piece of input in memory.
 */
function own(text: string): string {
  return text.length < 13 ? text : `${text} `.slice(0, -1);
}

function malformed(message: string): XmlError {
  return new XmlError('not-well-formed', message);
}

function tooMuch(message: string): XmlError {
  return new XmlError('policy-violation', message);
}

function stray(): XmlError {
  return new XmlError('bad-format', 'text directly in the stream');
}

function badPrefix(): XmlError {
  return new XmlError('bad-namespace-prefix', 'a namespace prefix that is not declared, or must not be');
}
