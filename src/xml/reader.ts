/**
 * From text to elements: sax in strict mode, with what that still lets through refused, and with namespaces resolved here,
 * since sax takes longer. Knows one framing rule of XMPP: the root stays open, and each of its children is complete in
 * itself (RFC 6120 §4).
 */
import sax from 'sax';
import { dereference, normalizeText, normalizeValue } from './characters.ts';
import { Attributes, Element, languageIn, type Node } from './element.ts';
import { excessive, malformed, notUtf8, XmlError } from './error.ts';
import { XML_NAMESPACE, XMLNS_NAMESPACE } from './names.ts';
import { badPrefix, inside, local, namespaceOf, OUTERMOST, type Scope } from './scope.ts';

/** What a reader accepts, and no more. */
export interface ReaderLimits {
  /** Levels of elements in one stanza, itself included. */
  depth: number;
  /** Attributes of one element, namespace declarations included. */
  attributes: number;
  /** Length of one attribute's value, or of a name, in UTF-16 code units. */
  attributeLength: number;
}

export interface ReaderHandler {
  /** The start tag of the root: the root, as yet without children, and the default namespace inside it, empty for none. */
  open(root: Element, content: string): void;
  /** A complete child of the root. */
  child(element: Element): void;
  /** The end tag of the root. */
  close(): void;
}

/** An open element, and what is in force inside. */
interface Level {
  readonly element: Element;
  /** Its children, made with the first of them. */
  nodes: Node[] | undefined;
  readonly namespace: string;
  readonly scope: Scope;
}

/** The parts of sax's parser that its type declarations leave out. */
interface Sax extends sax.SAXParser {
  readonly state: number;
  readonly c: string;
  readonly q: string;
  readonly tagName: string;
  readonly attribName: string;
  readonly entity: string;
  readonly sgmlDecl: string;
  textNode: string;
  attribValue: string;
  position: number;
  bufferCheckPosition: number;
}

const { STATE } = sax as unknown as { STATE: Readonly<Record<string, number>> };
const NO_ATTRIBUTES: Readonly<Record<string, string>> = Object.freeze(new Attributes());
const NO_CHILDREN: readonly Node[] = Object.freeze([]);

/** Where what sax is given at once ends: where literal text may begin, or a tag without a name, which sax would let pass. */
const STOP = /["';]|>(?!<)|<\/?(?=[ \t\n\r!?])/g;
const TEXT = /[^<&]*/y;
const QUOTED = /[^"&]*/y;
const APOSTROPHIZED = /[^'&]*/y;
const DECLARATION =
  /^version\s*=\s*(?:"1\.\d+"|'1\.\d+')(?:\s+encoding\s*=\s*(?:"([\w.-]+)"|'([\w.-]+)'))?(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*$/;

export class Reader {
  limits: ReaderLimits;
  readonly #handler: ReaderHandler;
  readonly #sax: Sax;
  readonly #levels: Level[] = [];
  #closed = false;
  #start = 0;
  /** Where in the text or attribute value being read a character came by reference. */
  #references: number[] = [];
  // The tag being read: its attributes so far, and names and values of those that depend on prefixes.
  #count = 0;
  #attrs: Record<string, string> | undefined;
  #namespace: string | undefined;
  #declarations: string[] = [];
  #prefixed: string[] = [];

  constructor(handler: ReaderHandler, limits: ReaderLimits) {
    this.#handler = handler;
    this.limits = limits;
    const parser = new sax.SAXParser(true, { strictEntities: true } as sax.SAXOptions) as Sax;
    // sax compares its buffers with the module-global MAX_BUFFER_LENGTH now and then: above 64 KiB it cuts text into
    // several events and refuses the rest. The limits here are the application's to choose and are checked after every
    // piece, so the next such comparison is put off for ever; the global remains as others expect it.
    parser.bufferCheckPosition = Number.POSITIVE_INFINITY;
    // sax by itself would also take `&AMP;` and `&#X41;`, and would not tell a reference from a literal.
    parser.ENTITIES = new Proxy({}, { get: (_, name) => this.#reference(name as string) });
    parser.onerror = (error) => this.#refused(error);
    parser.onprocessinginstruction = ({ name, body }) => this.#declaration(name, body);
    parser.onopentagstart = () => this.#tagStart();
    parser.onattribute = ({ name, value }) => this.#attribute(name, value);
    parser.onopentag = ({ name }) => this.#tagEnd(name);
    parser.onclosetag = () => this.#close();
    parser.ontext = (text) => this.#text(text);
    parser.onopencdata = () => this.#markup();
    parser.oncdata = (text) => this.#text(text);
    this.#sax = parser;
  }

  /** UTF-16 code units read, up to the event being handled. */
  get position(): number {
    return this.#sax.position;
  }

  /** The position where the header, child or footer begins that is being read, or was read last. */
  get start(): number {
    return this.#start;
  }

  /** Whether nothing is half read: between two children of the root, or behind its end. */
  get idle(): boolean {
    return this.#sax.state === STATE.TEXT && (this.#levels.length === 1 || this.#closed);
  }

  /** Whether the root has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Lets go of what is half read, which may be large; the reader is of no use after that. */
  release(): void {
    this.#levels.length = 0;
  }

  /** Reads on. Throws `XmlError`, and what the handler throws; the reader is of no use after that. */
  write(piece: string): void {
    const parser = this.#sax;
    let to = 0;
    for (let from = this.#skip(piece, 0); from < piece.length; from = this.#skip(piece, to)) {
      to = from + 1;
      if (!this.#check(piece[from] as string)) {
        STOP.lastIndex = from;
        to = STOP.test(piece) ? STOP.lastIndex : piece.length;
      }
      parser.write(piece.slice(from, to));
      // Between stanzas there is white space only, which need not be collected.
      if (this.#levels.length <= 1 && parser.textNode !== '') parser.flush();
    }
    if (this.#levels.length === 1 && parser.state !== STATE.TEXT) this.#start = parser.startTagPosition - 1;
    if (this.longest > this.limits.attributeLength) throw tooLong();
  }

  /**
   * Length of the longest name or value being read. sax puts these together character by character, at some thirty bytes each:
   * they are not left to the limit in bytes.
   */
  get longest(): number {
    const { tagName, attribName, attribValue, entity } = this.#sax;
    return Math.max(tagName.length, attribName.length, attribValue.length, entity.length);
  }

  /**
   * Takes the literal text or attribute value that is next, if one is, past sax, which would collect it in single characters;
   * gives where it ends.
   */
  #skip(piece: string, from: number): number {
    const parser = this.#sax;
    const { state, q } = parser;
    const inValue = state === STATE.ATTRIB_VALUE_QUOTED;
    if (!inValue && (state !== STATE.TEXT || this.#levels.length <= 1)) return from;
    const literal = inValue ? (q === '"' ? QUOTED : APOSTROPHIZED) : TEXT;
    literal.lastIndex = from;
    literal.test(piece);
    const to = literal.lastIndex;
    if (inValue) parser.attribValue += piece.slice(from, to);
    else parser.textNode += piece.slice(from, to);
    parser.position += to - from;
    return to;
  }

  /** Refuses a character that sax would let pass; false where sax can be relied on until the next nameless tag. */
  #check(character: string): boolean {
    const { state, tagName, sgmlDecl, startTagPosition } = this.#sax;
    switch (state) {
      case STATE.BEGIN:
        // RFC 6120 §11.6: no byte order mark, the character is a space that has no place here.
        if (character === '\uFEFF') throw malformed('a byte order mark');
        return false;
      case STATE.OPEN_WAKA:
        if (character === '?' && startTagPosition !== 1) throw restricted();
        break;
      case STATE.CLOSE_TAG:
        if (tagName !== '') return false;
        break;
      case STATE.SGML_DECL:
        if (character === '[CDATA['[sgmlDecl.length]) return true;
        throw sgmlDecl === '' ? restricted() : malformed('not a CDATA section');
      default:
        return false;
    }
    if (' \t\n\r'.includes(character)) throw malformed('white space before a name');
    return true;
  }

  #refused(error: Error): never {
    // A zero byte first, or behind the first `<`, is what the encodings of more than one byte begin with.
    if (this.#sax.c === '\0' && this.#sax.position <= 2) throw notUtf8();
    // The rest of sax's message quotes the input.
    throw malformed(error.message.replace(/[:\n].*/s, ''));
  }

  #declaration(name: string, body: string): void {
    if (name !== 'xml') throw restricted();
    const match = DECLARATION.exec(body);
    if (match === null) throw malformed('a bad XML declaration');
    if ((match[1] ?? match[2] ?? 'utf-8').toLowerCase() !== 'utf-8') throw notUtf8();
  }

  #reference(name: string): string {
    const { state, attribValue, textNode } = this.#sax;
    const inValue = state === STATE.ATTRIB_VALUE_ENTITY_Q;
    if (!inValue) this.#markup();
    const index = (inValue ? attribValue : textNode).length;
    // sax asks twice.
    if (this.#references.at(-1) !== index) this.#references.push(index);
    return dereference(name);
  }

  /** References and CDATA sections are for text, of which the stream itself has none. */
  #markup(): void {
    if (this.#levels.length <= 1) throw stray();
  }

  #tagStart(): void {
    const depth = this.#levels.length;
    if (depth === 0 && this.#closed) throw malformed('a second root');
    if (depth > this.limits.depth) throw excessive('elements too deep');
    if (depth === 1) this.#start = this.#sax.startTagPosition - 1;
  }

  #attribute(name: string, written: string): void {
    // sax drops an attribute in silence if it remembers another of that name.
    this.#sax.tag.attributes = {};
    this.#count += 1;
    if (this.#count > this.limits.attributes) throw excessive('too many attributes');
    const { attributeLength } = this.limits;
    if (name.length > attributeLength || written.length > attributeLength) throw tooLong();
    const value = normalizeValue(written, this.#references);
    if (this.#references.length > 0) this.#references = [];
    if (name === 'xmlns') {
      if (this.#namespace !== undefined) throw malformed('an attribute twice');
      if (value === XML_NAMESPACE || value === XMLNS_NAMESPACE) throw badPrefix();
      this.#namespace = value;
    } else if (name === 'xml:lang' || !name.includes(':')) this.#set(name, value);
    else if (name.startsWith('xmlns:')) this.#declarations.push(name, value);
    else this.#prefixed.push(name, value);
  }

  #set(key: string, value: string): void {
    this.#attrs ??= new Attributes();
    if (this.#attrs[key] !== undefined) throw malformed('an attribute twice');
    this.#attrs[key] = value;
  }

  #tagEnd(name: string): void {
    if (name.length > this.limits.attributeLength) throw tooLong();
    const parent = this.#levels.at(-1);
    const namespace = this.#namespace ?? parent?.namespace ?? '';
    let scope = parent?.scope ?? OUTERMOST;
    if (this.#declarations.length > 0) {
      scope = inside(scope, this.#declarations);
      this.#declarations = [];
    }
    if (this.#prefixed.length > 0) {
      const prefixed = this.#prefixed;
      for (let i = 0; i < prefixed.length; i += 2) {
        const key = prefixed[i] as string;
        this.#set(`{${namespaceOf(key, scope)}}${local(key)}`, prefixed[i + 1] as string);
      }
      this.#prefixed = [];
    }
    const attrs = this.#attrs ?? NO_ATTRIBUTES;
    this.#count = 0;
    this.#attrs = undefined;
    this.#namespace = undefined;
    const lang = languageIn(attrs, parent?.element.lang);
    const element = name.includes(':')
      ? new Element(local(name), namespaceOf(name, scope), attrs, NO_CHILDREN, lang)
      : new Element(name, namespace, attrs, NO_CHILDREN, lang);
    this.#levels.push({ element, nodes: undefined, namespace, scope });
    if (parent === undefined) this.#handler.open(element, namespace);
  }

  #close(): void {
    if (this.#levels.length === 1) this.#start = this.#sax.startTagPosition - 1;
    const { element } = this.#levels.pop() as Level;
    const parent = this.#levels.at(-1);
    if (parent === undefined) {
      this.#closed = true;
      this.#handler.close();
    } else if (this.#levels.length === 1) this.#handler.child(element);
    else add(parent, element);
  }

  #text(written: string): void {
    if (this.#levels.length <= 1) {
      if (/[^ \t\n\r]/.test(written)) throw stray();
      return;
    }
    const text = normalizeText(written, this.#references);
    if (this.#references.length > 0) this.#references = [];
    const level = this.#levels.at(-1) as Level;
    // Text and a CDATA section next to it are one text.
    const { nodes } = level;
    if (typeof nodes?.at(-1) === 'string') nodes.push(`${nodes.pop()}${text}`);
    else add(level, text);
  }
}

/** Most elements have one child: an array of one takes a tenth of the room that an empty one takes after a push. */
function add(level: Level, node: Node): void {
  if (level.nodes === undefined) {
    level.nodes = [node];
    (level.element as { children: readonly Node[] }).children = level.nodes;
  } else level.nodes.push(node);
}

/** Comments, processing instructions, document type declarations (RFC 6120 §11.1). */
function restricted(): XmlError {
  return new XmlError('restricted-xml', 'a comment, processing instruction or document type declaration');
}

function tooLong(): XmlError {
  return excessive('a name or value too long');
}

function stray(): XmlError {
  return new XmlError('bad-format', 'text outside of any stanza');
}
