/** What entities say of themselves and of what they are home to. XEP-0030 §3, §4 */
import type { Identity, InfoFacts, ItemFacts } from '../../../machines/disco.ts';
import { ReplyError } from '../../client/requests.ts';
import { JID, JidError } from '../../jid.ts';
import { NS } from '../../namespaces.ts';
import { type Element, el } from '../../xml/element.ts';
import { formElement, type ResultForm, readForms } from '../form.ts';

/** What a `DiscoInfo` is made of; what is left out is empty. */
export interface DiscoInfoParts {
  /** What is spoken of (default null, the entity as a whole). */
  readonly node?: string | null;
  /** Default none. */
  readonly identities?: Iterable<Identity>;
  /** Their names (default none). */
  readonly features?: Iterable<string>;
  /** XEP-0128 (default none). */
  readonly forms?: Iterable<ResultForm>;
}

/** Whose language an identity without `xml:lang` has: that of what is around it, or none. */
export type Languages = 'inherited' | 'own';

/** What an entity is and can do: the payload of a disco#info reply. XEP-0030 §3.1 */
export class DiscoInfo {
  /** What was asked about, if not the entity as a whole. */
  readonly node: string | null;
  /** One at least, if the entity keeps the rules. */
  readonly identities: readonly Identity[];
  /** Their names. */
  readonly features: ReadonlySet<string>;
  /** More that it tells of itself. XEP-0128 */
  readonly forms: readonly ResultForm[];
  /** The reply as it came; null for what was made here. */
  readonly element: Element | null;

  /** What is to be said, or with `element` what was. */
  constructor({ node = null, identities = [], features = [], forms = [] }: DiscoInfoParts, element?: Element) {
    this.node = node;
    this.identities = [...identities];
    this.features = new Set(features);
    this.forms = [...forms];
    this.element = element ?? null;
  }

  /**
   * Reads a reply.
   *
   * @throws ReplyError for what is none.
   */
  static read(query: unknown, languages: Languages = 'inherited'): DiscoInfo {
    const element = queryOf(query, NS.discoInfo);
    return new DiscoInfo(
      {
        node: element.attr('node') ?? null,
        identities: element.filter('identity').map((identity) => readIdentity(identity, languages)),
        features: element.filter('feature').map((feature) => attribute(feature, 'var')),
        forms: readForms(element),
      },
      element,
    );
  }

  /** The values of a field in the form of that type; none if there is no such form or field. */
  values(formType: string, field: string): readonly string[] {
    const form = this.forms.find((one) => one.formType === formType);
    return form?.fields.find(({ name }) => name === field)?.values ?? [];
  }

  /** The payload of a reply. */
  toElement(): Element {
    return el(
      'query',
      { xmlns: NS.discoInfo, node: this.node },
      this.identities.map(({ category, type, name, lang }) =>
        el('identity', { category, type, name, 'xml:lang': lang }),
      ),
      [...this.features].map((feature) => el('feature', { var: feature })),
      this.forms.map(formElement),
    );
  }

  /** Plain data without the node, the same for the same features in whatever order. */
  toJSON(): InfoFacts {
    return { identities: this.identities, features: [...this.features].sort(), forms: this.forms };
  }
}

/** Something that is part of an entity, or that it knows of. XEP-0030 §4.1 */
export interface DiscoItem {
  /** Its address. */
  readonly jid: JID;
  /** Where the JID alone does not name it. */
  readonly node?: string;
  /** For people. */
  readonly name?: string;
}

/** What an entity is home to: the payload of a disco#items reply. XEP-0030 §4.1 */
export class DiscoItems {
  /** What was asked about, if not the entity as a whole. */
  readonly node: string | null;
  /** In the order they came. */
  readonly items: readonly DiscoItem[];

  /** What is to be said. */
  constructor({ node = null, items = [] }: { readonly node?: string | null; readonly items?: Iterable<DiscoItem> }) {
    this.node = node;
    this.items = [...items];
  }

  /**
   * Reads a reply. Items whose JID could not be written to anyway are left out.
   *
   * @throws ReplyError for what is none.
   */
  static read(query: unknown): DiscoItems {
    const element = queryOf(query, NS.discoItems);
    return new DiscoItems({ node: element.attr('node') ?? null, items: element.filter('item').flatMap(readItem) });
  }

  /** The payload of a reply. */
  toElement(): Element {
    return el(
      'query',
      { xmlns: NS.discoItems, node: this.node },
      this.items.map(({ jid, node, name }) => el('item', { jid, node, name })),
    );
  }

  /** The items as plain data. */
  toJSON(): readonly ItemFacts[] {
    return this.items.map(({ jid, node = null, name = null }) => ({ jid: jid.toString(), node, name }));
  }
}

function queryOf(query: unknown, namespace: string): Element {
  const element = query as Element | undefined;
  if (!element?.is('query', namespace)) throw new ReplyError('the reply has another payload than was asked for');
  return element;
}

function readIdentity(element: Element, languages: Languages): Identity {
  const name = element.attr('name');
  const lang = languages === 'own' ? element.attr('xml:lang') || undefined : element.lang;
  return {
    category: attribute(element, 'category'),
    type: attribute(element, 'type'),
    ...(name !== undefined && { name }),
    ...(lang !== undefined && { lang }),
  };
}

function readItem(element: Element): DiscoItem[] {
  const text = attribute(element, 'jid');
  const node = element.attr('node');
  const name = element.attr('name');
  try {
    return [{ jid: JID.parse(text), ...(node !== undefined && { node }), ...(name !== undefined && { name }) }];
  } catch (error) {
    if (error instanceof JidError) return [];
    throw error;
  }
}

function attribute(element: Element, name: string): string {
  const value = element.attr(name);
  if (!value) throw new ReplyError(`the reply has ${element.name} without ${name}`);
  return value;
}
