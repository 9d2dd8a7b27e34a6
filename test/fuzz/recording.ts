/**
 * Recordings of what servers said, as text, one thing a line:
 *
 *     # Prosody 13.0.1             anything
 *     connection                   the client connects
 *     > iq get jabber:iq:roster $2 the client sends this; its id is called $2 from here on
 *     < <iq id='$2' …              the server says this
 *     end, reset, silence          how the connection goes, if not by the client's doing
 *
 * What is not understood is left out, so that any text is a recording. All texts are binary.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attributesOf, piecesOf } from './pieces.ts';

/** Where they are kept, relative to the root of the repository. */
export const RECORDINGS = join('test', 'fuzz', 'recordings');

/** Every recording there is, by file name. */
export function recordings(): Map<string, string> {
  const names = readdirSync(RECORDINGS).sort();
  return new Map(names.map((name) => [name, readFileSync(join(RECORDINGS, name), 'latin1')]));
}

/** What happens on a connection, seen from the server. */
export type Step =
  | { readonly type: 'hear'; readonly what: string; readonly id: string | null }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'end' | 'reset' | 'silence' };

/** The steps of each connection. */
export function readRecording(text: string): Step[][] {
  const connections: Step[][] = [];
  for (const line of text.split('\n')) {
    if (line === 'connection') connections.push([]);
    const step = readStep(line);
    if (step !== null) connections.at(-1)?.push(step);
  }
  return connections;
}

function readStep(line: string): Step | null {
  if (line === 'end' || line === 'reset' || line === 'silence') return { type: line };
  if (line.startsWith('< ')) return { type: 'say', text: line.slice(2) };
  if (!line.startsWith('> ')) return null;
  const [, what = '', id] = /^> (.*?)(?: (\$\d+))?$/.exec(line) ?? [];
  return { type: 'hear', what, id: id ?? null };
}

/** An element that a client sent: what it is, without what varies, and its id. */
export function heard(element: string): { readonly what: string; readonly id: string | null } {
  const pieces = piecesOf(element).filter((piece) => /^<[^?]/.test(piece));
  const [tag = '', child = ''] = pieces;
  const name = /^<(\/?[^\s/>]+)/.exec(tag)?.[1] ?? '';
  const type = attribute(tag, 'type');
  // The id of an answer is the server's.
  const id = name === 'iq' && (type === 'result' || type === 'error') ? null : attribute(tag, 'id');
  const parts = name === 'iq' ? [name, type, attribute(child, 'xmlns')] : [name];
  return { what: parts.filter((part) => part !== null).join(' '), id };
}

function attribute(tag: string, name: string): string | null {
  for (const text of attributesOf(tag)) {
    const [, found, , value] = /^\s+([^\s=]+)\s*=\s*(["'])(.*)\2$/s.exec(text) ?? [];
    if (found === name) return value as string;
  }
  return null;
}
