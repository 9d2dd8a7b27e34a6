import { PassThrough } from 'node:stream';
import * as assert from 'uvu/assert';
import { chat, statusLine } from '../../examples/chat.ts';
import { createClient } from '../../src/index.ts';
import { testServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';

const test = suite('examples/chat', 30_000);

/** A terminal that remembers what was written to it. */
class Terminal extends PassThrough {
  shown = '';

  constructor() {
    super();
    this.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text;
    });
  }

  async shows(text: string): Promise<void> {
    while (!this.shown.includes(text)) await new Promise((resolve) => this.once('data', resolve));
  }
}

test('a line is sent and marked, an answer is shown, a lost connection stands in the last line', async () => {
  await using server = await testServer({ accounts: { romeo: 'one', juliet: 'two' } });
  const common = { ca: server.ca, endpoints: [server.endpoint], backoff: { start: 60_000 } };
  await using juliet = createClient({ ...common, jid: `juliet@${server.domain}`, password: 'two' });
  juliet.on('message', (message) => juliet.send(message.reply(`${message.body}? \u009b`)));
  await juliet.start();
  juliet.setPresence({});
  const input = new PassThrough();
  const screen = new Terminal();
  const options = { ...common, jid: `romeo@${server.domain}/home`, password: 'one' };
  const ended = chat(options, `juliet@${server.domain}`, input, screen);
  await screen.shows(`[online · as romeo@${server.domain}/home]`);
  input.write('hello\n');
  await screen.shows('me: hello ✓');
  await screen.shows(`juliet@${server.domain}: hello?  \n`);
  server.connections.find(({ session }) => session?.jid.local === 'romeo')?.drop('rst');
  await screen.shows('[reconnecting · next attempt in ');
  await screen.shows('network failure');
  input.write('still there\n');
  await screen.shows('me: still there …');
  input.end();
  assert.is(await ended, 0);
  assert.match(screen.shown, 'me: still there ✗');
  assert.match(screen.shown, /\[offline[^\n]*\n$/);
});

test('a wrong password ends it', async () => {
  await using server = await testServer({ accounts: { romeo: 'one' } });
  const options = { jid: `romeo@${server.domain}`, password: 'no', ca: server.ca, endpoints: [server.endpoint] };
  const screen = new Terminal();
  assert.is(await chat(options, `juliet@${server.domain}`, new PassThrough(), screen), 1);
  assert.match(screen.shown, 'auth failure');
});

test('the last line says what there is to say', () => {
  const offline = createClient({ jid: 'a@example.org', password: '' }).getSnapshot();
  assert.is(statusLine(offline, 0), '[offline]');
  const retry = { attempt: 1, delay: 5_000, at: 12_300 };
  assert.is(statusLine({ ...offline, phase: 'reconnecting', retry }, 10_000), '[reconnecting · next attempt in 3 s]');
});

test.run();
