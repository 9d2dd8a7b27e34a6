import type { TLSSocket } from 'node:tls';
import { JID } from '../jid.ts';
import { type Element, el } from '../xml/element.ts';
import type { Host } from './host.ts';
import { NS } from './names.ts';
import { createServerMechanism, type ServerMechanism } from './sasl.ts';
import { bindingData, certifiedJids, hasBinding } from './security.ts';

/** What authentication has to know of the server. */
export type AuthenticationContext = Pick<
  Host,
  'domain' | 'accounts' | 'settings' | 'identity' | 'ca' | 'saltedPasswords'
>;

/** An answer, and the name of the user once there is nothing more to ask. */
export interface Step {
  readonly answer: Element;
  readonly username?: string;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** SASL as a stream speaks it (RFC 6120 §6): base64 and conditions, around the mechanisms themselves. */
export class Authentication {
  readonly #host: AuthenticationContext;
  readonly #tls: TLSSocket | undefined;
  readonly #offered: readonly string[];
  #mechanism: ServerMechanism | undefined;

  /** `tls` is the connection's, if it is encrypted: what can be offered depends on it. */
  constructor(host: AuthenticationContext, tls: TLSSocket | undefined) {
    this.#host = host;
    this.#tls = tls;
    this.#offered = host.settings.mechanisms.filter((name) => this.#isPossible(name));
  }

  /** What the stream features say of it: the mechanisms, and the types of channel binding (XEP-0440). */
  features(): Element[] {
    const { settings } = this.#host;
    const tls = this.#tls;
    const mechanisms = this.#offered.map((name) => el('mechanism', {}, name));
    const features = [el('mechanisms', { xmlns: NS.sasl }, mechanisms)];
    if (settings.announceChannelBinding && tls !== undefined && this.#offersPlus()) {
      const types = settings.channelBinding.filter((type) => hasBinding(tls, type));
      const bindings = types.map((type) => el('channel-binding', { type }));
      features.push(el('sasl-channel-binding', { xmlns: NS.channelBindings }, bindings));
    }
    return features;
  }

  /** Takes `<auth/>`, `<response/>` or `<abort/>`. */
  async take(element: Element): Promise<Step> {
    if (element.name === 'auth') {
      const name = element.attr('mechanism') ?? '';
      if (!this.#offered.includes(name)) return failedSasl('invalid-mechanism');
      this.#mechanism = this.#create(name);
    }
    if (element.name === 'abort') return this.#fail('aborted');
    if (this.#mechanism === undefined) return failedSasl('malformed-request');
    const data = decode(element);
    if (data === undefined) return this.#fail('incorrect-encoding');
    const outcome = await this.#mechanism.step(data);
    if ('failure' in outcome) return this.#fail(outcome.failure);
    if ('challenge' in outcome) {
      return { answer: el('challenge', { xmlns: NS.sasl }, Buffer.from(outcome.challenge).toString('base64')) };
    }
    return { answer: el('success', { xmlns: NS.sasl }, encode(outcome.success)), username: outcome.username };
  }

  #fail(condition: string): Step {
    this.#mechanism = undefined;
    return failedSasl(condition);
  }

  #offersPlus(): boolean {
    return this.#offered.some((name) => name.endsWith('-PLUS'));
  }

  #create(name: string): ServerMechanism {
    const { accounts, settings, identity, saltedPasswords } = this.#host;
    const tls = this.#tls;
    return createServerMechanism(name, {
      ...settings.scram,
      cache: saltedPasswords,
      plusOffered: this.#offersPlus(),
      password: (username) => accounts.get(username),
      binding: (wanted) => {
        const type = settings.channelBinding.find((known) => known === wanted);
        if (type === undefined || tls === undefined || !hasBinding(tls, type)) return undefined;
        return bindingData(tls, type, identity);
      },
      certified: (authzid) => this.#certified(authzid),
    });
  }

  /** Who the client's certificate makes it: itself, or the one of its JIDs that it asks for (XEP-0178 §3). */
  #certified(authzid: string): string | undefined {
    const jids = this.#certifiedJids().flatMap(bareJid);
    const wanted = authzid === '' ? jids : jids.filter((jid) => bareJid(authzid)[0]?.equals(jid));
    return wanted.find((jid) => jid.domain === this.#host.domain)?.local;
  }

  #certifiedJids(): string[] {
    return this.#tls === undefined ? [] : certifiedJids(this.#tls, this.#host.ca);
  }

  /** Whether a mechanism can work on this connection. */
  #isPossible(name: string): boolean {
    const tls = this.#tls;
    if (name === 'EXTERNAL') return this.#certifiedJids().length > 0;
    if (!name.endsWith('-PLUS')) return true;
    return tls !== undefined && this.#host.settings.channelBinding.some((type) => hasBinding(tls, type));
  }
}

/** The answer that refuses (RFC 6120 §6.4.5). */
export function failedSasl(condition: string): Step {
  return { answer: el('failure', { xmlns: NS.sasl }, el(condition)) };
}

/** The data of an element: null if there is none, and undefined if it is no base64. */
function decode(element: Element): Uint8Array | null | undefined {
  const { text } = element;
  if (text === '') return element.name === 'auth' ? null : new Uint8Array();
  if (text === '=') return new Uint8Array();
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** Data of no length is a lonely `=` (RFC 6120 §6.4.2). */
function encode(data: Uint8Array | null): string | undefined {
  if (data === null) return undefined;
  return data.length === 0 ? '=' : Buffer.from(data).toString('base64');
}

function bareJid(text: string): JID[] {
  try {
    return [JID.parse(text).bare];
  } catch {
    return [];
  }
}
