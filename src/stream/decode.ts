/**
 * From elements to meaning: what the charts hear. Whatever a server leaves out or gets wrong in an optional part is read as
 * absent; a chart never sees XML.
 */
import type { Failure, Stage } from '../../machines/failure.ts';
import type { Features, NegotiationEvent, StreamEvent, Ticket } from '../../machines/wire.ts';
import { JID } from '../jid.ts';
import { NS } from '../namespaces.ts';
import { readStanzaError } from '../stanza/error.ts';
import type { Element } from '../xml/element.ts';

/**
 * The server's stream header. RFC 6120 §4.7
 *
 * @param content the default namespace it declares, empty for none.
 * @param expected the namespace of what we are going to say.
 */
export function decodeHeader(root: Element, content: string, expected: string = NS.client): StreamEvent {
  return { type: 'stream.header', id: root.attr('id') ?? null, fault: headerFault(root, content, expected) };
}

function headerFault(root: Element, content: string, expected: string): string | null {
  if (root.name !== 'stream' || root.namespace !== NS.stream) return 'invalid-namespace';
  // Without a content namespace everything in the stream names its own. RFC 6120 §4.8.2
  if (content !== expected && content !== '' && content !== NS.stream) return 'invalid-namespace';
  // Any version 1.x is understood. RFC 6120 §4.7.5
  return /^1\.\d{1,9}$/.test(root.attr('version') ?? '') ? null : 'unsupported-version';
}

/**
 * What a top-level element that is no stanza means; null when it means nothing here.
 *
 * @param stage where in the life of the connection it came.
 */
export function decodeNonza(element: Element, stage: Stage): NegotiationEvent | StreamEvent | null {
  switch (element.namespace) {
    case NS.stream:
      if (element.name === 'features') return { type: 'features', features: decodeFeatures(element) };
      return element.name === 'error' ? decodeStreamError(element, stage) : null;
    case NS.tls:
      if (element.name === 'proceed') return { type: 'starttls.proceed' };
      return element.name === 'failure' ? { type: 'starttls.failure' } : null;
    case NS.sasl:
      return decodeSasl(element);
    case NS.sm:
      return decodeSm(element);
    default:
      return null;
  }
}

/** Answers, and the stages at which they are asked for. */
const ANSWERS: ReadonlyMap<string, readonly Stage[]> = new Map<NegotiationEvent['type'], readonly Stage[]>([
  ['starttls.proceed', ['tls']],
  ['starttls.failure', ['tls']],
  ['sasl.challenge', ['auth']],
  ['sasl.success', ['auth']],
  ['sasl.failure', ['auth']],
  ['sm.resumed', ['resume']],
  ['sm.enabled', ['enable']],
  ['sm.failed', ['resume', 'enable']],
]);

/**
 * Whether something may be said at that stage. An answer to nothing must change nothing: before authentication anybody could
 * give it, and what `<failed/>` and `<success/>` do cannot be undone.
 */
export function isDue({ type }: NegotiationEvent | StreamEvent, stage: Stage): boolean {
  return ANSWERS.get(type)?.includes(stage) ?? true;
}

/** RFC 6120 §4.3.2 */
export function decodeFeatures(element: Element): Features {
  const starttls = element.find('starttls', NS.tls);
  const mechanisms = element.find('mechanisms', NS.sasl);
  const bindings = element.find('sasl-channel-binding', NS.bindings);
  const session = element.find('session', NS.session);
  return detached({
    starttls: starttls ? (starttls.find('required') ? 'required' : 'optional') : null,
    mechanisms: mechanisms?.filter('mechanism').map((mechanism) => mechanism.text.trim()) ?? [],
    bindings: bindings?.filter('channel-binding').flatMap((binding) => binding.attr('type') ?? []) ?? null,
    bind: element.find('bind', NS.bind) !== undefined,
    sm: element.find('sm', NS.sm) !== undefined,
    session: session ? (session.find('optional') ? 'optional' : 'required') : null,
    all: element.elements.map((feature) => `{${feature.namespace}}${feature.name}`),
  });
}

/** A copy. Strings that were read are slices of what came in, and keep all of it for as long as they are kept. */
function detached<T>(value: T): T {
  return structuredClone(value);
}

/** RFC 6120 §4.9 */
function decodeStreamError(element: Element, stage: Stage): StreamEvent {
  const defined = conditionOf(element, NS.streamErrors);
  const condition = defined?.name ?? 'undefined-condition';
  const text = element.find('text', NS.streamErrors)?.text;
  const conflict = condition === 'conflict';
  const failure: Failure = {
    kind: conflict ? 'conflict' : 'stream',
    stage,
    condition,
    ...(text !== undefined && { text }),
    // Two clients that take the resource from each other in turns help nobody.
    retry: conflict ? 'user' : 'backoff',
  };
  return {
    type: 'stream.error',
    failure,
    redirect: condition === 'see-other-host' ? parseHost(defined?.text ?? '') : null,
  };
}

/** The defined condition among the children of an error. */
function conditionOf(error: Element, namespace: string = error.namespace): Element | undefined {
  return error.elements.find((child) => child.namespace === namespace && child.name !== 'text');
}

function decodeSasl(element: Element): NegotiationEvent | null {
  switch (element.name) {
    case 'challenge':
      return { type: 'sasl.challenge' };
    case 'success':
      return { type: 'sasl.success' };
    case 'failure': {
      const condition = conditionOf(element)?.name ?? 'not-authorized';
      return { type: 'sasl.failure', condition, text: element.find('text')?.text ?? null };
    }
    default:
      return null;
  }
}

function decodeSm(element: Element): NegotiationEvent | null {
  switch (element.name) {
    case 'enabled':
      return { type: 'sm.enabled', ticket: decodeTicket(element) };
    case 'resumed':
      return { type: 'sm.resumed', previd: element.attr('previd') ?? '' };
    case 'failed':
      return { type: 'sm.failed', condition: element.elements[0]?.name ?? null };
    default:
      return null;
  }
}

function decodeTicket(element: Element): Ticket {
  const resumable = element.attr('resume') === 'true' || element.attr('resume') === '1';
  return detached({
    id: (resumable && element.attr('id')) || null,
    max: parseCount(element.attr('max')),
    location: parseHost(element.attr('location') ?? ''),
  });
}

/**
 * The answer to our bind request. The resource is the server's to choose, the account is not. RFC 6120 §7.6
 *
 * @param domain where the account has to be.
 * @param account the bare JID that it has to be; null for any.
 */
export function decodeBind(iq: Element, domain: string, account: string | null): NegotiationEvent {
  if (iq.attr('type') !== 'result') return { type: 'bind.error', failure: refusal('bind', iq) };
  const jid = fullJid(iq.find('bind', NS.bind)?.find('jid')?.text ?? '');
  if (jid === null) {
    return {
      type: 'bind.error',
      failure: { kind: 'protocol', stage: 'bind', text: 'no full JID in the bind result', retry: 'backoff' },
    };
  }
  if (jid.domain !== domain || (account !== null && jid.bare.toString() !== account)) {
    const text = `the server bound ${jid.bare}, which is not our account`;
    return {
      type: 'bind.error',
      failure: { kind: 'bind', stage: 'bind', condition: 'another-account', text, retry: 'user' },
    };
  }
  return { type: 'bind.result', jid: detached(jid.toString()) };
}

function fullJid(text: string): JID | null {
  try {
    const jid = JID.parse(text.trim());
    return jid.resource === undefined ? null : jid;
  } catch {
    return null;
  }
}

/** The answer to our session request. RFC 3921 §3 */
export function decodeLegacySession(iq: Element): NegotiationEvent {
  if (iq.attr('type') === 'result') return { type: 'legacy.result' };
  return { type: 'legacy.error', failure: refusal('session', iq) };
}

function refusal(stage: 'bind' | 'session', iq: Element): Failure {
  const { condition, type, text } = readStanzaError(iq);
  return { kind: 'bind', stage, condition, ...(text && { text }), retry: type === 'wait' ? 'backoff' : 'user' };
}

/** A count of XEP-0198: a decimal below 2^32; null when it is none. */
export function parseCount(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return null;
  const count = Number(text);
  return count < 2 ** 32 ? count : null;
}

/** `host`, `host:port`, `[v6]` or `[v6]:port`; null for anything else. */
function parseHost(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([\p{L}\p{M}\p{N}._-]{1,253}))(?::(\d{1,5}))?$/u.exec(text.trim());
  if (match === null) return null;
  const port = match[3] === undefined ? 5222 : Number(match[3]);
  if (port < 1 || port > 65535) return null;
  return { host: (match[1] ?? match[2]) as string, port };
}
