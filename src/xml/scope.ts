/** The prefixes in force at one place of a document (Namespaces in XML 1.0 §3, §5). */
import { malformed, XmlError } from './error.ts';
import { isName, XML_NAMESPACE, XMLNS_NAMESPACE } from './names.ts';

/** Namespaces by prefix. An inner scope has the outer one as its prototype, and the outermost one has none. */
export type Scope = Record<string, string>;

/** The scope around the root. */
export const OUTERMOST: Scope = Object.assign(Object.create(null), { xml: XML_NAMESPACE });

/** The scope in which the attributes `declarations`, names and values in turn, are in force too. */
export function inside(outer: Scope, declarations: readonly string[]): Scope {
  const scope: Scope = Object.create(outer);
  for (let i = 0; i < declarations.length; i += 2) {
    const prefix = local(declarations[i] as string);
    const uri = declarations[i + 1] as string;
    const reserved = prefix === 'xmlns' || uri === XMLNS_NAMESPACE || (prefix === 'xml') !== (uri === XML_NAMESPACE);
    if (reserved || uri === '') throw badPrefix();
    if (Object.hasOwn(scope, prefix)) throw malformed('a prefix declared twice');
    scope[prefix] = uri;
  }
  return scope;
}

/** The namespace of a prefixed name. */
export function namespaceOf(name: string, scope: Scope): string {
  const uri = scope[name.slice(0, name.indexOf(':'))];
  if (uri === undefined) throw badPrefix();
  return uri;
}

/** The part of a name behind the prefix. */
export function local(name: string): string {
  const part = name.slice(name.indexOf(':') + 1);
  if (!isName(part)) throw malformed('a bad name');
  return part;
}

/** The error for a prefix or a default namespace that is not declared, or must not be so. */
export function badPrefix(): XmlError {
  return new XmlError('bad-namespace-prefix', 'a namespace that is not declared, or must not be');
}
