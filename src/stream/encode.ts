/** From what the charts command to what is written. */
import type { StreamError, WireCommand } from '../../machines/wire.ts';
import { NS } from '../namespaces.ts';
import { el } from '../xml/element.ts';
import { escapeAttribute, serialize } from '../xml/serializer.ts';

/** The ids of the two requests of negotiation; they are answered before any other request is made. */
export const BIND_ID = 'bind';
export const LEGACY_SESSION_ID = 'session';

/**
 * A stream header. `from` is shown to nobody who could read along: only once the stream is encrypted.
 *
 * @see RFC 6120 §4.7.1
 */
export function encodeHeader(
  to: string,
  from: string | null,
  lang: string | null,
  namespace: string = NS.client,
): string {
  const sender = from === null ? '' : ` from="${escapeAttribute(from)}"`;
  const language = lang === null ? '' : ` xml:lang="${escapeAttribute(lang)}"`;
  return (
    `<?xml version="1.0"?><stream:stream xmlns="${escapeAttribute(namespace)}" xmlns:stream="${NS.stream}"` +
    `${sender} to="${escapeAttribute(to)}" version="1.0"${language}>`
  );
}

export const FOOTER = '</stream:stream>';

/** Everything a chart may command but the header, which needs to know the stream. */
export function encodeCommand(command: Exclude<WireCommand, { kind: 'header' }>, handled: number): string {
  switch (command.kind) {
    case 'footer':
      return FOOTER;
    case 'error':
      return encodeStreamError(command.error);
    case 'starttls':
      return `<starttls xmlns="${NS.tls}"/>`;
    case 'resume':
      return serialize(el('resume', { xmlns: NS.sm, h: handled, previd: command.previd }));
    case 'bind':
      return serialize(
        el(
          'iq',
          { type: 'set', id: BIND_ID },
          el('bind', { xmlns: NS.bind }, command.resource && el('resource', {}, command.resource)),
        ),
      );
    case 'enable':
      return serialize(el('enable', { xmlns: NS.sm, resume: command.resume || undefined, max: command.max }));
    case 'session':
      return serialize(el('iq', { type: 'set', id: LEGACY_SESSION_ID }, el('session', { xmlns: NS.session })));
  }
}

/** RFC 6120 §4.9, XEP-0198 §8 */
function encodeStreamError({ condition, text, handledTooHigh }: StreamError): string {
  const parts = [
    el(condition, { xmlns: NS.streamErrors }),
    text !== undefined && el('text', { xmlns: NS.streamErrors }, text),
    handledTooHigh &&
      el('handled-count-too-high', { xmlns: NS.sm, h: handledTooHigh.h, 'send-count': handledTooHigh.sent }),
  ];
  return `<stream:error>${parts.map((part) => (part ? serialize(part) : '')).join('')}</stream:error>`;
}

/** A SASL nonza. RFC 6120 §6.4 */
export function encodeSasl(name: 'auth' | 'response' | 'abort', data: Uint8Array | null, mechanism?: string): string {
  const attribute = mechanism === undefined ? '' : ` mechanism="${escapeAttribute(mechanism)}"`;
  const content = data === null ? '' : data.length === 0 ? '=' : Buffer.from(data).toString('base64');
  return `<${name} xmlns="${NS.sasl}"${attribute}>${content}</${name}>`;
}
