/**
 * Tests that play the server themselves: what it says and what it expects to hear stand in the test, line by line, in the
 * order in which they happen. In clear, so that a segment of TCP is what the test sends in one piece.
 */
import * as assert from 'uvu/assert';
import { type ClientOptions, type Element, el, xml } from '../../src/index.ts';
import { NS } from '../../src/testing/names.ts';
import type { Peer } from '../../src/testing/peer.ts';
import type { NegotiateOptions } from '../../src/testing/prologue.ts';
import type { ScriptedServerOptions } from '../../src/testing/scripted.ts';
import { JID, type Rig, type Subject } from './rig.ts';

export { NS };

/** A client whose server is the test. */
export interface Dialogue extends Subject {
  /** The server's side of the client's next connection, on which nothing was said yet. */
  next(): Promise<Peer>;
}

export async function dialogue(
  rig: Rig,
  options: Partial<ClientOptions> = {},
  serverOptions: ScriptedServerOptions = {},
): Promise<Dialogue> {
  const arrived: Peer[] = [];
  let wake = () => {};
  const server = await rig.scripted((peer) => {
    arrived.push(peer);
    wake();
    return new Promise((resolve) => peer.socket.once('close', resolve));
  }, serverOptions);
  const next = async () => {
    for (;;) {
      const peer = arrived.shift();
      if (peer !== undefined) return peer;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { ...rig.client(server, { tls: 'off', ...options }), next };
}

/** The same, online; unless `negotiation` says otherwise in the session `sm-1`, which can be resumed. */
export async function online(
  rig: Rig,
  options: Partial<ClientOptions> = {},
  negotiation: Partial<NegotiateOptions> = {},
): Promise<Dialogue & { readonly peer: Peer }> {
  const talk = await dialogue(rig, options);
  const started = talk.client.start();
  const peer = await talk.next();
  await peer.negotiate({ upTo: 'sm', tls: false, ...negotiation });
  await started;
  talk.journal.read();
  return { ...talk, peer };
}

/** Goes on to where the client asks for a resource or for its session, and returns what it asks. */
export async function asked(peer: Peer, ...features: Element[]): Promise<Element> {
  await peer.negotiate({ upTo: 'auth', tls: false });
  await peer.features(el('bind', { xmlns: NS.bind }), ...features);
  return peer.next();
}

/** Lets the client have its session `sm-1` back on its next connection, of which the server says that it handled `h`. */
export async function resumed(next: Dialogue['next'], h: number): Promise<Peer> {
  const peer = await next();
  assert.is((await asked(peer, sm('sm'))).name, 'resume');
  await peer.send(sm('resumed', { previd: 'sm-1', h }));
  return peer;
}

/** Binds a resource. */
export function bound(request: Element, resource = 'server', account = JID): Element {
  const bind = el('bind', { xmlns: NS.bind }, el('jid', {}, `${account}/${resource}`));
  return el('iq', { type: 'result', id: request.attr('id') }, bind);
}

/** An element of stream management; `sm('sm')` is the feature. */
export function sm(name: string, attrs: Record<string, string | number> = {}, ...children: Element[]): Element {
  return el(name, { xmlns: NS.sm, ...attrs }, children);
}

/** A message that says a number. */
export function message(n: number): Element {
  return xml`<message to="juliet@localhost"><body>${String(n)}</body></message>`;
}

/** Messages that say these numbers. */
export function messages(...numbers: number[]): Element[] {
  return numbers.map(message);
}

/** What the next messages of the client say, as many as there are `numbers`; anything else between them is a mistake. */
export async function said(peer: Peer, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) numbers.push(Number((await peer.expect('message')).find('body')?.text));
  return numbers;
}

/** The client's next element but for a request of its own to acknowledge something. */
export async function answer(peer: Peer): Promise<Element> {
  for (;;) {
    const element = await peer.next();
    if (!element.is('r', NS.sm)) return element;
  }
}

/** The count in the client's next `<a/>`, which it is asked for. */
export async function handled(peer: Peer): Promise<number> {
  await peer.send(sm('r'));
  const ack = await answer(peer);
  assert.is(ack.name, 'a');
  return Number(ack.attr('h'));
}

/** The elements as one text, for one segment. */
export function segment(...elements: (Element | string)[]): string {
  return elements.join('');
}
