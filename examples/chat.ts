/**
 * A chat on the command line, with the state of the connection in the last line of the screen:
 *
 *     XSTANZA_PASSWORD=secret node chat.js romeo@example.org juliet@example.org
 *
 * What is typed while there is no connection is sent when there is one again. Each line of ours ends with what became of it:
 * `…` on its way, `✓` the server has it, `?` nobody knows, `✗` it was not sent.
 */

import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type ClientOptions, type ClientSnapshot, createClient, describeFailure, JID, xml } from '../src/index.ts';

/** The state of a connection on one line. */
export function statusLine({ phase, jid, resumed, retry, failure }: ClientSnapshot, now: number): string {
  const seconds = retry && Math.max(0, Math.ceil((retry.at - now) / 1000));
  const parts = [
    phase,
    phase === 'online' && `as ${jid}${resumed ? ', resumed' : ''}`,
    seconds !== null && `next attempt in ${seconds} s`,
    failure !== null && describeFailure(failure),
  ];
  return `[${parts.filter((part) => part !== false).join(' · ')}]`;
}

const MARKS = {
  queued: '…',
  sent: '…',
  acked: '✓',
  unconfirmed: '?',
  aborted: '✗',
  dropped: '✗',
  failed: '✗',
  lost: '✗',
};

/** Keeps a line at the bottom while others scroll above it. */
class Screen {
  readonly #out: Writable;
  #status = '';

  constructor(out: Writable) {
    this.#out = out;
  }

  status(line: string): void {
    if (line === this.#status) return;
    this.#status = line;
    this.#out.write(`\r\u001b[K${line}`);
  }

  print(line: string): void {
    this.#out.write(`\r\u001b[K${line}\n${this.#status}`);
  }
}

/** What others say must not move the cursor. */
const harmless = (text: string) => text.replace(/\p{Cc}/gu, ' ');

/** Chats until the input ends; returns the exit status. */
export async function chat(options: ClientOptions, to: string, input: Readable, output: Writable): Promise<number> {
  const client = createClient(options);
  const screen = new Screen(output);
  const partner = JID.parse(to).bare;
  const draw = () => screen.status(statusLine(client.getSnapshot(), Date.now()));
  client.subscribe(draw);
  // Each second, for the countdown.
  const ticking = client.schedule('status', 1000, draw, { repeat: true });
  client.on('message', ({ from, body }) => {
    if (body !== undefined && from?.bare.equals(partner)) screen.print(`${partner}: ${harmless(body)}`);
  });
  const failed = client.once('failure').then(() => 1);
  const ended = (async () => {
    for await (const line of createInterface({ input })) {
      if (line.trim() === '') continue;
      const token = client.send(xml`<message to="${partner}" type="chat"><body>${line}</body></message>`);
      screen.print(`me: ${line} ${MARKS[token.state]}`);
      token.onStateChange((state) => {
        if (state !== 'sent') screen.print(`me: ${line} ${MARKS[state]}`);
      });
    }
    return 0;
  })();
  client.start().catch(() => {});
  const status = await Promise.race([ended, failed]);
  ticking.unsubscribe();
  await client.stop();
  draw();
  output.write('\n');
  return status;
}

const [, program = '', jid, to] = process.argv;
if (program.endsWith('chat.js') && jid !== undefined && to !== undefined) {
  const password = process.env.XSTANZA_PASSWORD ?? '';
  process.exitCode = await chat({ jid, password }, to, process.stdin, process.stdout);
}
