/**
 * Hashes of what entities say of themselves: those that `<c/>` carries, made and checked. XEP-0115, XEP-0390
 *
 * They are made of the reply as it came, since what reading leaves out, doubles for instance, is what a forger would use.
 */
import { createHash } from 'node:crypto';
import { NS } from '../namespaces.ts';
import type { Element } from '../xml/element.ts';
import { DiscoInfo, type Languages } from './disco/info.ts';
import { fieldsOf, isFormType, readForms, resultForms } from './form.ts';

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
  const identities = query.filter('identity').map((identity) => {
    const [category, type, lang, name] = partsOf(identity, languages);
    if (`${category}${type}${lang}`.includes('/')) throw new CapsError('an identity with a / in it');
    return { order: bytes(`${category}\0${type}\0${lang}\0${name}`), text: `${category}/${type}/${lang}/${name}` };
  });
  identities.sort((one, other) => one.order.compare(other.order));
  const features = sorted(query.filter('feature').map((feature) => feature.attr('var') ?? ''));
  unique(
    identities.map(({ text }) => text),
    'identities',
  );
  unique(features, 'features');
  const forms = resultForms(query).flatMap((form) => {
    const fields = fieldsOf(form);
    const types = new Set(fields.filter(isFormType).flatMap(({ values }) => values));
    if (types.size > 1) throw new CapsError('a form of more than one type');
    const [type] = types;
    const others = fields.filter(({ name }) => name !== 'FORM_TYPE');
    return type === undefined ? [] : [{ type, fields: others }];
  });
  const types = sorted(forms.map(({ type }) => type));
  unique(types, 'forms');
  const pieces = [...identities.map(({ text }) => text), ...features];
  for (const type of types) {
    pieces.push(type);
    const { fields = [] } = forms.find((form) => form.type === type) ?? {};
    const ordered = fields.map((field) => ({ ...field, order: bytes(field.name) }));
    ordered.sort((one, other) => one.order.compare(other.order));
    for (const { name, values } of ordered) pieces.push(name, ...sorted(values));
  }
  if (pieces.some((piece) => piece.includes('<'))) throw new CapsError('a text with a < in it');
  return bytes(pieces.map((piece) => `${piece}<`).join(''));
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

/** In the order of their bytes: i;octet of RFC 4790, which above U+D7FF is not JavaScript's own. */
function sorted(texts: readonly string[]): string[] {
  const keyed = texts.map((text) => ({ text, order: bytes(text) }));
  return keyed.sort((one, other) => one.order.compare(other.order)).map(({ text }) => text);
}

function joined(texts: readonly string[]): string {
  return sorted(texts).join('');
}

function unique(texts: readonly string[], what: string): void {
  if (new Set(texts).size < texts.length) throw new CapsError(`${what} that are the same`);
}
