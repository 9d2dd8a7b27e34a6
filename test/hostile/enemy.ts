/** A server that is an enemy: what a client makes of it, and that nothing of worth comes out of the client or in. */
import * as assert from 'uvu/assert';
import { type ClientOptions, type Element, el, type Failure, xml } from '../../src/index.ts';
import type { Peer } from '../../src/testing/peer.ts';
import type { Script, ScriptedServer, ScriptedServerOptions } from '../../src/testing/scripted.ts';
import { NS } from '../sockets/dialogue.ts';
import { ALONE, DOMAIN, failure } from '../sockets/login.ts';
import type { Rig, Subject } from '../sockets/rig.ts';

/** Romeo's password, which is found wherever it is shown. */
export const SECRET = 'ein Pferd ohne Namen';

export interface Met extends Subject {
  readonly server: ScriptedServer;
  readonly reason: Failure;
  /** What stopped the client: kind, stage, condition and retry. */
  readonly verdict: string;
}

/**
 * Lets Romeo, who has a message for Juliet, start once against a server that plays `script`. He must not get in; whatever
 * stops him, his message and his password stay with him, nobody's messages reach the application, and the run is over.
 */
export async function meet(
  rig: Rig,
  script: Script | readonly Script[],
  options: Partial<ClientOptions> | ((server: ScriptedServer) => Partial<ClientOptions>) = {},
  settings: ScriptedServerOptions = {},
): Promise<Met> {
  const server = await rig.scripted(script, { domain: DOMAIN, accounts: { romeo: SECRET }, ...settings });
  const chosen = typeof options === 'function' ? options(server) : options;
  const subject = rig.client(server, { ...ALONE, password: SECRET, maxInitialAttempts: 1, ...chosen });
  const { client, journal } = subject;
  for (const type of ['message', 'presence', 'invalid', 'handlerError'] as const) client.on(type, () => note(type));
  const note = (type: string) => journal.note(`heard ${type}`);
  const over = failure(subject);
  const token = client.send(xml`<message to="${`juliet@${DOMAIN}`}"><body>for your eyes only</body></message>`);
  const reason = await over;
  assert.is(client.phase, 'failed');
  assert.equal(
    journal.read().filter((entry) => entry.startsWith('heard')),
    [],
  );
  assert.is(token.state, 'lost');
  await Promise.all(server.peers.map(gone));
  for (const peer of server.peers) nothingOf(peer);
  return { ...subject, server, reason, verdict: verdict(reason) };
}

/** Waits until the last byte of a connection has come. */
async function gone({ socket }: Peer): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

/** What stopped a run: kind, stage, condition and retry; a condition that is missing is `-`. */
export function verdict({ kind, stage, condition, retry }: Failure): string {
  return `${kind} ${stage} ${condition ?? '-'} ${retry}`;
}

/** A peer was sent neither a stanza nor the password. */
export function nothingOf(peer: Peer): void {
  assert.not.match(peer.received, /<(?:message|presence|iq)\b/);
  assert.is(shows(peer), false, 'the password was shown');
}

/** Whether a peer was sent the password, as it is or inside SASL. */
export function shows({ received }: Peer): boolean {
  const payloads = [...received.matchAll(/>([A-Za-z0-9+/]+={0,2})</g)];
  const decoded = payloads.map(([, data]) => String(Buffer.from(data as string, 'base64')));
  return [received, ...decoded].some((text) => text.includes(SECRET));
}

const NAMES =
  /<(?:stream:)?(\/stream:stream|stream|error|starttls|auth|response|abort|message|presence|iq|resume|enable)\b/g;

/** What a peer was sent, in order: `stream`, `starttls`, `auth`, `/stream`. */
export function heard({ received }: Peer): string[] {
  return [...received.matchAll(NAMES)].map(([, name]) => (name as string).replace('/stream:', '/'));
}

/** The feature of SASL. */
export function offer(...names: string[]): Element {
  return el(
    'mechanisms',
    { xmlns: NS.sasl },
    names.map((name) => el('mechanism', {}, name)),
  );
}

/** A nonza of SASL. */
export function sasl(name: string, data?: string | Element): Element {
  return el(name, { xmlns: NS.sasl }, data);
}

export const base64 = (data: string | Uint8Array): string => Buffer.from(data).toString('base64');

/** What came with an `<auth/>` or `<response/>`. */
export const payload = (element: Element): string => String(Buffer.from(element.text, 'base64'));
