/**
 * The reference of what the package exports, read from the declarations that are shipped: what an editor shows, on a page for
 * each entry point.
 */
import { type ClassDeclaration, type InterfaceDeclaration, type JSDoc, Node, Project, ts } from 'ts-morph';

/** The entry points by the names they are imported by, with their pages and declarations. */
const ENTRY_POINTS = [
  { name: 'xstanza', file: 'xstanza.md', declarations: 'dist/src/index.d.ts' },
  { name: 'xstanza/stream', file: 'stream.md', declarations: 'dist/src/stream/index.d.ts' },
  { name: 'xstanza/testing', file: 'testing.md', declarations: 'dist/src/testing/index.d.ts' },
  { name: 'xstanza/visualizer', file: 'visualizer.md', declarations: 'dist/visualizations/index.d.ts' },
  { name: 'xstanza/machines', file: 'machines.md', declarations: 'dist/machines/index.d.ts' },
] as const;

/** Where something is described. */
export interface Target {
  readonly name: string;
  readonly file: string;
  /** Of its heading. */
  readonly anchor: string;
}

/** What a doc comment says; no text without one. */
export interface Words {
  readonly text: string;
  /** Its tags, such as `throws`, in order. */
  readonly tags: readonly { readonly name: string; readonly text: string }[];
}

/** A property, method or constructor that is anybody's to use. */
export interface Member {
  readonly name: string;
  readonly signature: string;
  readonly words: Words;
  /** What its types speak of. */
  readonly types: readonly Target[];
}

/** Something with a name. */
export interface Entry {
  readonly name: string;
  readonly kind: 'class' | 'type' | 'value';
  readonly signature: string;
  readonly words: Words;
  readonly members: readonly Member[];
  readonly types: readonly Target[];
}

/** What an entry point offers. */
export interface Page {
  readonly name: string;
  readonly file: string;
  readonly entries: readonly Entry[];
  /** What it exports and another page describes. */
  readonly elsewhere: readonly Target[];
  /** What is spoken of here and exported nowhere. */
  readonly unexported: readonly Entry[];
}

/** Characters of a type beyond which nobody would read it: XState's of a machine. */
const READABLE = 400;

type Places = ReadonlyMap<Node, Target>;

type Named = readonly [name: string, nodes: readonly Node[]];

/** Reads the reference of every entry point. The declarations have to be built. */
export function readReference(): readonly Page[] {
  const project = new Project({
    compilerOptions: {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      allowImportingTsExtensions: true,
      noLib: true,
      types: [],
    },
  });
  const places = new Map<Node, Target>();
  const pages = ENTRY_POINTS.map(({ name, file, declarations }) => {
    const all: Named[] = [...project.addSourceFileAtPath(declarations).getExportedDeclarations()];
    const own = all.filter(([, nodes]) => !nodes.some((node) => places.has(node))).sort(byName);
    const anchorOf = anchors();
    for (const [exported, nodes] of own) {
      const target = { name: exported, file, anchor: anchorOf(exported) };
      for (const node of nodes) places.set(node, target);
    }
    const elsewhere = all.filter((named) => !own.includes(named)).map(([, [node]]) => places.get(node as Node));
    return { name, file, own, elsewhere: elsewhere.filter((target) => target !== undefined), anchorOf };
  });
  const complete = pages.map((page) => {
    const unexported = strangers(page.own, places).sort(byName);
    for (const [name, [node]] of unexported) {
      places.set(node as Node, { name, file: page.file, anchor: page.anchorOf(name) });
    }
    return { ...page, unexported };
  });
  return complete.map(({ name, file, own, elsewhere, unexported }) => ({
    name,
    file,
    entries: own.map((named) => readEntry(named, places)),
    elsewhere,
    unexported: unexported.map((named) => readEntry(named, places)),
  }));
}

/** What these declarations speak of and has no place yet. */
function strangers(own: readonly Named[], places: Places): Named[] {
  const found = new Set<Node>();
  const waiting = own.flatMap(([, nodes]) => nodes);
  for (const node of waiting) {
    for (const other of spokenOf(node)) {
      if (places.has(other) || found.has(other)) continue;
      found.add(other);
      waiting.push(other);
    }
  }
  return [...found].map((node) => [nameOf(node), [node]]);
}

/** Gives headings their anchors, as GitHub does. */
function anchors(): (heading: string) => string {
  const counts = new Map<string, number>();
  return (heading) => {
    const anchor = heading.toLowerCase();
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  };
}

/** Without regard to anybody's language, so that it is the same everywhere; of two that differ in case alone, the type is first. */
function byName([one]: Named, [other]: Named): number {
  const [first, second] = [`${one.toLowerCase()} ${one}`, `${other.toLowerCase()} ${other}`];
  return first < second ? -1 : 1;
}

function readEntry([name, nodes]: Named, places: Places): Entry {
  const [node] = nodes as readonly [Node];
  const words = nodes.map(wordsOf).find(({ text }) => text !== '') ?? NO_WORDS;
  const signature = nodes.map((each) => signatureOf(name, each)).join('\n');
  const entry = { name, kind: kindOf(node), signature, words, members: [] };
  if (!hasMembers(node)) {
    return { ...entry, types: targetsOf(nodes, places).filter((target) => target !== places.get(node)) };
  }
  const members = membersOf(node).map((member) => ({
    name: Node.hasName(member) ? member.getName() : 'constructor',
    signature: bare(member)
      .replace(/\s*\n\s*/g, ' ')
      .replaceAll('; }', ' }'),
    words: wordsOf(member),
    types: targetsOf([member], places),
  }));
  return { ...entry, members: together(members), types: targetsOf(node.getHeritageClauses(), places) };
}

function kindOf(node: Node): Entry['kind'] {
  if (Node.isClassDeclaration(node)) return 'class';
  return Node.isInterfaceDeclaration(node) || Node.isTypeAliasDeclaration(node) ? 'type' : 'value';
}

function hasMembers(node: Node): node is ClassDeclaration | InterfaceDeclaration {
  return Node.isClassDeclaration(node) || Node.isInterfaceDeclaration(node);
}

/** Overloads are one member, whose comment is the first that there is. */
function together(members: readonly Member[]): readonly Member[] {
  const merged = new Map<string, Member>();
  for (const member of members) {
    const known = merged.get(member.name);
    merged.set(
      member.name,
      known === undefined
        ? member
        : {
            ...known,
            signature: `${known.signature}\n${member.signature}`,
            words: known.words.text === '' ? member.words : known.words,
            types: [...new Set([...known.types, ...member.types])],
          },
    );
  }
  return [...merged.values()];
}

function membersOf(node: ClassDeclaration | InterfaceDeclaration): readonly Node[] {
  const all: readonly Node[] = node.getMembers();
  return all.filter((member) => {
    if (Node.isModifierable(member) && (member.hasModifier('private') || member.hasModifier('protected'))) return false;
    if (Node.hasName(member) && member.getName().startsWith('#')) return false;
    // The name of an error is that of its class.
    if (Node.isPropertyDeclaration(member) && member.getName() === 'name' && member.getInitializer()) return false;
    return !wordsOf(member).tags.some((tag) => tag.name === 'internal');
  });
}

const NO_WORDS: Words = { text: '', tags: [] };

function wordsOf(node: Node): Words {
  const documented = Node.isVariableDeclaration(node) ? node.getVariableStatement() : node;
  const comments: readonly JSDoc[] = Node.isJSDocable(documented) ? documented.getJsDocs() : [];
  const comment = comments.at(-1);
  if (comment === undefined) return NO_WORDS;
  return {
    text: comment.getDescription().trim(),
    tags: comment.getTags().map((tag) => {
      // With the name of the parameter, and as it was written.
      const [, name = '', text = ''] = /^@(\S+)\s*([\s\S]*)$/.exec(tag.getText()) ?? [];
      return { name, text: text.replace(/\s*\n\s*\*?\s*/g, ' ').trim() };
    }),
  };
}

/** A declaration without what is understood. */
function bare(node: Node): string {
  return node
    .getText()
    .replace(/^(export )?(declare )?/, '')
    .replace(/ +$/gm, '')
    .replace(/;$/, '');
}

function signatureOf(name: string, node: Node): string {
  if (hasMembers(node)) {
    const rest = [...node.getTypeParameters().map((parameter) => parameter.getText())];
    const generic = rest.length > 0 ? `<${rest.join(', ')}>` : '';
    const heritage = node.getHeritageClauses().map((clause) => ` ${clause.getText()}`);
    return `${Node.isClassDeclaration(node) ? 'class' : 'interface'} ${name}${generic}${heritage.join('')}`;
  }
  if (Node.isVariableDeclaration(node)) {
    const type = node.getTypeNode()?.getText() ?? '';
    if (type.length <= READABLE) return `const ${name}: ${type}`;
    return /^import\("xstate"\)\.StateMachine</.test(type) ? `const ${name}: StateMachine` : `const ${name}`;
  }
  return bare(node);
}

/** The declarations of ours that a declaration's types name. */
function spokenOf(node: Node): readonly Node[] {
  const parts = hasMembers(node)
    ? [...node.getHeritageClauses(), ...node.getTypeParameters(), ...membersOf(node)]
    : [node];
  const found = new Set<Node>();
  for (const part of parts) {
    if (Node.isVariableDeclaration(part) && part.getText().length > READABLE) continue;
    for (const reference of [part, ...part.getDescendants()]) {
      const name = Node.isTypeReference(reference)
        ? reference.getTypeName()
        : Node.isExpressionWithTypeArguments(reference)
          ? reference.getExpression()
          : undefined;
      const symbol = name?.getSymbol();
      const declaration = (symbol?.getAliasedSymbol() ?? symbol)?.getDeclarations()[0];
      if (declaration === undefined || Node.isTypeParameterDeclaration(declaration)) continue;
      if (!declaration.getSourceFile().isInNodeModules()) found.add(declaration);
    }
  }
  return [...found];
}

function targetsOf(nodes: readonly Node[], places: Places): readonly Target[] {
  const found = nodes.flatMap(spokenOf).map((node) => places.get(node));
  return [...new Set(found)].filter((target) => target !== undefined);
}

function nameOf(node: Node): string {
  if (Node.hasName(node)) return node.getName();
  throw new Error(`a declaration without a name: ${node.getText().slice(0, 80)}`);
}

const KINDS = { value: 'Functions and values', class: 'Classes', type: 'Types' } as const;

/** A page as Markdown. */
export function render({ name, file, entries, elsewhere, unexported }: Page): string {
  const parts = [`# \`${name}\``, 'Written from the doc comments by `npm run api`.'];
  const anchorOf = anchors();
  const here = entries.map((entry) => ({ ...entry, file, anchor: anchorOf(entry.name) }));
  for (const kind of ['value', 'class', 'type'] as const) {
    const links = here.filter((entry) => entry.kind === kind).map((entry) => linkTo(entry, file));
    if (links.length > 0) parts.push(`**${KINDS[kind]}**: ${links.join(', ')}`);
  }
  if (elsewhere.length > 0) {
    parts.push(`**Exported here, too**: ${elsewhere.map((target) => linkTo(target, file)).join(', ')}`);
  }
  parts.push(...entries.map((entry) => section(entry, file, '##')));
  if (unexported.length > 0) {
    parts.push('## Not exported', 'What the types above speak of.');
    parts.push(...unexported.map((entry) => section(entry, file, '###')));
  }
  return `${parts.join('\n\n')}\n`;
}

function linkTo({ name, file, anchor }: Target, from: string): string {
  return `[${name}](${file === from ? '' : file}#${anchor})`;
}

function section({ name, signature, words, members, types }: Entry, file: string, level: string): string {
  const parts = [`${level} ${name}`, `\`\`\`ts\n${signature}\n\`\`\``, ...said(words), ...seeAlso(types, file)];
  if (members.length > 0) parts.push(members.map((member) => item(member, file)).join('\n'));
  return parts.join('\n\n');
}

function item({ signature, words, types }: Member, file: string): string {
  const lines = signature.split('\n').map((line) => `\`${line}\``);
  return [`- ${lines.join(', ')}`, ...said(words), ...seeAlso(types, file)].join('\n\n').replaceAll(/\n(?=.)/g, '\n  ');
}

function said({ text, tags }: Words): readonly string[] {
  const paragraphs = text === '' ? [] : [text];
  for (const tag of tags) {
    if (tag.name === 'param') {
      const [, parameter, words] = /^(\S+)\s+(.*)$/.exec(tag.text) ?? [];
      paragraphs.push(`\`${parameter}\`: ${words}`);
    } else if (tag.name === 'throws') paragraphs.push(`Throws ${tag.text}`);
    else if (tag.name === 'returns') paragraphs.push(`Returns ${tag.text}`);
  }
  return paragraphs;
}

function seeAlso(types: readonly Target[], file: string): readonly string[] {
  return types.length === 0 ? [] : [`→ ${types.map((target) => linkTo(target, file)).join(', ')}`];
}
