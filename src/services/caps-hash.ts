/**
 * Hashes of what entities say of themselves: those that `<c/>` carries, made and checked. XEP-0115, XEP-0390
 *
 * They are made of the reply as it came, since what reading leaves out, doubles for instance, is what a forger would use.
 */
import { createHash } from 'node:crypto';
import { NS } from '../namespaces.ts';
import type { Element } from '../xml/element.ts';
import { DiscoInfo, type Languages } from './disco/info.ts';
import { type FormField, fieldsOf, isFormType, readForms, resultForms } from './form.ts';

/** A reply that no hash can be made of, or none that would prove anything. */
export class CapsError extends Error {
  override readonly name = 'CapsError';
}

/** What Node calls the hash functions of XEP-0300. */
const FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['sha-1', 'sha1'],
  ['sha-224', 'sha224'],
  ['sha-256', 'sha256'],
  ['sha-384', 'sha384'],
  ['sha-512', 'sha512'],
  ['sha3-256', 'sha3-256'],
  ['sha3-512', 'sha3-512'],
  ['blake2b-512', 'blake2b512'],
]);

/** The two ways to make a text of a reply that is then hashed. */
export type Scheme = 'XEP-0115' | 'XEP-0390';

const INPUT: Readonly<Record<Scheme, (query: Element, languages: Languages) => Buffer>> = {
  'XEP-0115': verificationInput,
  'XEP-0390': hashInput,
};

/** The functions that a scheme may be used with, the best first. SHA-1 is for XEP-0115 alone. XEP-0300 §4 */
export function functionsOf(scheme: Scheme): readonly string[] {
  const names = ['sha-256', 'sha3-256', 'sha-512', 'sha3-512', 'blake2b-512'];
  return scheme === 'XEP-0390' ? names : [...names, 'sha-384', 'sha-224', 'sha-1'];
}

/**
 * The hash of a reply in base64.
 *
 * @throws CapsError when there is none.
 */
export function hashOf(scheme: Scheme, algorithm: string, query: Element, languages: Languages): string {
  const name = FUNCTIONS.get(algorithm);
  if (name === undefined) throw new CapsError(`an unknown hash function: ${algorithm}`);
  return createHash(name).update(INPUT[scheme](query, languages)).digest('base64');
}

/**
 * What a reply says that has this hash, and nothing that the hash says nothing of; null for another. A server may put its
 * language on a stanza that it passes on, so that a reply is read both without it and with it.
 */
export function verified(scheme: Scheme, algorithm: string, hash: string, query: Element): DiscoInfo | null {
  for (const languages of ['own', 'inherited'] as const) {
    try {
      if (hashOf(scheme, algorithm, query, languages) !== hash) continue;
      const { identities, features, forms } = DiscoInfo.read(query, languages);
      return new DiscoInfo({ identities, features, forms: forms.filter(({ formType }) => formType !== null) });
    } catch (error) {
      if (!(error instanceof CapsError)) throw error;
    }
  }
  return null;
}

/**
 * What XEP-0115 §5.1 hashes.
 *
 * @throws CapsError for what §5.4 calls ill-formed, and for what could be read in more than one way: `<` and `/` part the
 *   pieces, and nothing escapes them.
 */
export function verificationInput(query: Element, languages: Languages = 'inherited'): Buffer {
  const identities = inOrder(
    query.filter('identity').map((identity) => partsOf(identity, languages)),
    (parts) => parts.join('\0'),
  );
  if (identities.some(([category, type, lang]) => `${category}${type}${lang}`.includes('/'))) {
    throw new CapsError('an identity with a / in it');
  }
  const forms = inOrder(resultForms(query).flatMap(typed), ({ type }) => type);
  const names = identities.map((parts) => parts.join('/'));
  const features = inOrder(query.filter('feature').map((feature) => feature.attr('var') ?? ''));
  unique(names, 'identities');
  unique(features, 'features');
  unique(
    forms.map(({ type }) => type),
    'forms',
  );
  const pieces = [...names, ...features];
  for (const { type, fields } of forms) {
    pieces.push(type);
    for (const { name, values } of inOrder(fields, (field) => field.name)) {
      pieces.push(name);
      for (const value of inOrder(values)) pieces.push(value);
    }
  }
  if (pieces.some((piece) => piece.includes('<'))) throw new CapsError('a text with a < in it');
  return bytes(pieces.map((piece) => `${piece}<`).join(''));
}

/** A form with its type, and without the field that says so; nothing for one that is not to be hashed. */
function typed(form: Element): { readonly type: string; readonly fields: readonly FormField[] }[] {
  const fields = fieldsOf(form);
  const [type, ...others] = new Set(fields.filter(isFormType).flatMap(({ values }) => values));
  if (others.length > 0) throw new CapsError('a form of more than one type');
  return type === undefined ? [] : [{ type, fields: fields.filter(({ name }) => name !== 'FORM_TYPE') }];
}

// What parts the pieces cannot be in them: XML has no such characters.
const UNIT = '\x1f';
const RECORD = '\x1e';
const GROUP = '\x1d';
const FILE = '\x1c';

/**
 * What XEP-0390 §4.1 hashes.
 *
 * @throws CapsError for a reply with anything in it that has no place there.
 */
export function hashInput(query: Element, languages: Languages = 'inherited'): Buffer {
  const features: string[] = [];
  const identities: string[] = [];
  const forms: string[] = [];
  for (const child of query.elements) {
    if (child.is('feature', NS.discoInfo)) features.push((child.attr('var') ?? '') + UNIT);
    else if (child.is('identity', NS.discoInfo)) {
      const parts = partsOf(child, languages);
      identities.push(parts.map((part) => part + UNIT).join('') + RECORD);
    } else if (!child.is('x', NS.data)) throw new CapsError(`an unknown element ${child.name}`);
  }
  const extensions = query.filter('x', NS.data);
  if (resultForms(query).length < extensions.length) throw new CapsError('a form that is no result');
  if (readForms(query).some(({ formType }) => formType === null)) throw new CapsError('a form without a type');
  for (const form of extensions) {
    if (form.find('reported') ?? form.find('item')) throw new CapsError('a form that is a table');
    const fields = fieldsOf(form).map(
      ({ name, values }) => name + UNIT + joined(values.map((value) => value + UNIT)) + RECORD,
    );
    forms.push(joined(fields) + GROUP);
  }
  return bytes([features, identities, forms].map((texts) => joined(texts) + FILE).join(''));
}

/** Category, type, language and name; empty for what is not there. */
function partsOf(identity: Element, languages: Languages): [string, string, string, string] {
  const lang = languages === 'own' ? identity.attr('xml:lang') : identity.lang;
  return [identity.attr('category') ?? '', identity.attr('type') ?? '', lang ?? '', identity.attr('name') ?? ''];
}

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

/** In the order of the bytes of a text: i;octet of RFC 4790, which above U+D7FF is not JavaScript's own. */
function inOrder<T>(list: readonly T[], textOf: (one: T) => string = String): T[] {
  const keyed = list.map((one) => ({ one, key: bytes(textOf(one)) }));
  return keyed.sort((a, b) => a.key.compare(b.key)).map(({ one }) => one);
}

function joined(texts: readonly string[]): string {
  return inOrder(texts).join('');
}

function unique(texts: readonly string[], what: string): void {
  if (new Set(texts).size < texts.length) throw new CapsError(`${what} that are the same`);
}
