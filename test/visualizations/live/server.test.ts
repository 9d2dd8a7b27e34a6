/** The live view over real connections. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import * as assert from 'uvu/assert';
import { createActor, createMachine } from 'xstate';
import { createClient } from '../../../src/client/client.ts';
import { testServer } from '../../../src/testing/server.ts';
import { readPage } from '../../../visualizations/live/page.ts';
import { type LiveView, type LiveViewOptions, liveView } from '../../../visualizations/live/server.ts';
import {
  after,
  type Frame,
  type Greeting,
  type Order,
  type Saved,
  type World,
} from '../../../visualizations/live/world.ts';
import { suite } from '../../harness.ts';
import { until } from '../../servers/people.ts';
import { ask, Reader } from './reader.ts';

const test = suite('live view', 20_000);

/** A test with a live view that is closed afterwards. */
const viewed = (options: LiveViewOptions, body: (view: LiveView) => Promise<void>) => async () => {
  await using view = await liveView(options);
  await body(view);
};

const light = createMachine({
  id: 'light',
  context: { text: '</script><!--\u2028 ü' },
  initial: 'off',
  states: { off: { on: { start: 'on' } }, on: { on: { stop: 'off' } } },
});

/** Runs a program of its own; gives its exit code and what it printed. */
async function run(args: readonly string[], environment: { readonly [name: string]: string } = {}) {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, output };
}

/** An actor of `light`. */
const lit = (view: LiveView) => createActor(light, { inspect: view.inspect }).start();

const numbers = (frames: readonly Frame[]): number[] => frames.map(({ n }) => n);

test(
  'greets, replays, and follows',
  viewed({}, async (view) => {
    const actor = lit(view);
    actor.send({ type: 'start' });
    const reader = await Reader.follow(view.url);
    await until(() => reader.frames.length === 3);
    assert.is(reader.events[0]?.type, 'greeting');
    assert.equal(JSON.parse(reader.events[0]?.data ?? ''), { world: {}, limit: 20_000, control: null });
    actor.send({ type: 'stop' });
    actor.stop();
    await until(() => reader.frames.length === 5);
    assert.equal(numbers(reader.frames), [0, 1, 2, 3, 4]);
    assert.equal(
      reader.frames.map((frame) => (frame.kind === 'step' ? frame.event.type : frame.kind)),
      ['birth', 'xstate.init', 'start', 'stop', 'xstate.stop'],
    );
    assert.is(reader.world[actor.sessionId]?.status, 'stopped');
    reader.close();
  }),
);

test(
  'goes on for who comes back, and begins anew for who missed too much or followed another',
  viewed({ limit: 10 }, async (view) => {
    const actor = lit(view);
    const first = await Reader.follow(view.url);
    await until(() => first.frames.length === 2);
    first.close();
    for (let count = 0; count < 5; count++) actor.send({ type: 'start' });
    const second = await Reader.follow(view.url, { last: first.lastId });
    await until(() => second.frames.length === 5);
    assert.equal([second.greetings, numbers(second.frames)], [0, [2, 3, 4, 5, 6]]);
    second.close();
    for (let count = 0; count < 13; count++) actor.send({ type: 'stop' });
    const third = await Reader.follow(view.url, { last: second.lastId });
    await until(() => third.frames.length === 10);
    assert.equal([third.greetings, third.frames[0]?.n], [1, 10]);
    assert.equal(third.world[actor.sessionId]?.states, ['light', 'light.off']);
    third.close();
    const [place] = third.lastId.split('@');
    for (const last of ['', 'x', `${place}@other`, `${Number(place) + 1}@${third.lastId.split('@')[1]}`, '5']) {
      const stranger = await Reader.follow(view.url, { last });
      await until(() => stranger.frames.length === 10);
      assert.is(stranger.greetings, 1, last);
      stranger.close();
    }
    const known = await Reader.follow(view.url, { last: third.lastId });
    actor.send({ type: 'start' });
    await until(() => known.frames.length === 1);
    assert.is(known.greetings, 0);
    known.close();
  }),
);

test(
  'goes on from a greeting without frames',
  viewed({}, async (view) => {
    const first = await Reader.follow(view.url);
    await until(() => first.greetings === 1);
    first.close();
    const second = await Reader.follow(view.url, { last: first.lastId });
    lit(view).stop();
    await until(() => second.frames.length === 3);
    assert.is(second.greetings, 0);
    second.close();
  }),
);

test(
  'tells several readers the same',
  viewed({}, async (view) => {
    const readers = await Promise.all([Reader.follow(view.url), Reader.follow(view.url)]);
    const actors = [lit(view), lit(view)];
    for (const actor of actors) actor.send({ type: 'start' });
    await until(() => readers.every(({ frames }) => frames.length === 6));
    assert.equal(readers[0]?.frames, readers[1]?.frames);
    for (const reader of readers) reader.close();
  }),
);

test(
  'gives a sign of life where nothing happens',
  viewed({}, async (view) => {
    const real = globalThis.setInterval;
    const beats: (() => void)[] = [];
    globalThis.setInterval = ((beat: () => void, ms: number) => {
      beats.push(beat);
      return real(() => {}, ms);
    }) as typeof setInterval;
    let reader: Reader;
    try {
      reader = await Reader.follow(view.url);
    } finally {
      globalThis.setInterval = real;
    }
    assert.is(beats.length, 1);
    beats[0]?.();
    await until(() => reader.comments === 1);
    reader.close();
  }),
);

// Who may ask what.

test(
  'answers only to names of this machine',
  viewed({}, async (view) => {
    const { port } = new URL(view.url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
      assert.is((await ask(view.url, { headers: { host } })).status, 200, host);
    }
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost', `localhost:${port}.evil.example`]) {
      for (const path of ['', 'events', 'saved', 'charts/x.svg', 'control']) {
        const { status, body } = await ask(view.url + path, { headers: { host } });
        assert.is(status, 403, `${host} ${path}`);
        assert.not.match(body, /<html/);
      }
    }
  }),
);

test(
  'says what it does not have and does not do',
  viewed({ control: true }, async (view) => {
    for (const path of [
      'nothing',
      'charts/',
      'charts/unknown.svg',
      'charts/..%2fx.svg',
      '../package.json',
      'events/',
    ]) {
      assert.is((await ask(view.url + path)).status, 404, path);
    }
    for (const [method, path, allowed] of [
      ['POST', '', 'GET'],
      ['HEAD', '', 'GET'],
      ['PUT', 'events', 'GET'],
      ['DELETE', 'saved', 'GET'],
      ['GET', 'control', 'POST'],
    ] as const) {
      const { status, headers } = await ask(view.url + path, { method });
      assert.equal([status, headers.allow], [405, allowed], `${method} ${path}`);
    }
    assert.is((await ask(`${view.url}?utm=1`)).status, 200);
  }),
);

test(
  'lets the page load nothing but itself',
  viewed({ title: 'a <b> & $&' }, async (view) => {
    const { headers, body } = await ask(view.url);
    const policy = headers['content-security-policy'] as string;
    const nonce = /script-src 'nonce-([\w+/=]+)'/.exec(policy)?.[1] ?? '';
    for (const part of [
      "default-src 'none'",
      `style-src 'nonce-${nonce}'`,
      "connect-src 'self'",
      'img-src data:',
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ]) {
      assert.ok(policy.includes(part), part);
    }
    assert.is(headers['cache-control'], 'no-store');
    assert.is(headers['x-content-type-options'], 'nosniff');
    assert.is(headers['referrer-policy'], 'no-referrer');
    assert.equal(body.match(/<(?:script|style)\b[^>]*>/g), [`<style nonce="${nonce}">`, `<script nonce="${nonce}">`]);
    assert.ok(body.includes('<title>a &lt;b&gt; &amp; $&amp;</title>'));
    assert.not.match(body, /\{\{|<!--(?!\[)/);
    assert.not.match(body, /(?:src|href)="(?:https?:)?\/\//);
    const again = await ask(view.url);
    assert.is.not(again.headers['content-security-policy'], policy, 'a nonce is used once');
  }),
);

// Orders.

async function tokenOf(view: LiveView): Promise<string | null> {
  const reader = await Reader.follow(view.url);
  await until(() => reader.greetings === 1);
  reader.close();
  return (JSON.parse(reader.events[0]?.data ?? '') as Greeting).control;
}

const order = (view: LiveView, token: string | null, body: unknown, headers: { [name: string]: string } = {}) =>
  ask(`${view.url}control`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      origin: view.url.slice(0, -1),
      ...(token !== null && { 'x-control': token }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

test(
  'only looks unless it is allowed more',
  viewed({}, async (view) => {
    const actor = lit(view);
    assert.is(await tokenOf(view), null);
    for (const token of [null, '', 'null', 'undefined']) {
      assert.is((await order(view, token, { actor: actor.sessionId, action: 'start' })).status, 403);
    }
    assert.is(actor.getSnapshot().value, 'off');
  }),
);

test(
  'takes orders from its own page alone',
  viewed({ control: true }, async (view) => {
    const actor = lit(view);
    const token = (await tokenOf(view)) as string;
    const start = { actor: actor.sessionId, action: 'start' };
    const refused: readonly [number, ReturnType<typeof order>][] = [
      [403, order(view, null, start)],
      [403, order(view, 'x', start)],
      [403, order(view, `${token}x`, start)],
      [403, order(view, token, start, { origin: 'https://evil.example' })],
      [403, order(view, token, start, { origin: 'null' })],
      [403, order(view, token, start, { origin: view.url.slice(0, -1).replace('127.0.0.1', 'localhost') })],
      [415, order(view, token, start, { 'content-type': 'text/plain' })],
      [415, order(view, token, start, { 'content-type': 'application/x-www-form-urlencoded' })],
      [413, order(view, token, { ...start, more: 'x'.repeat(2_000) })],
      [413, order(view, token, 'x'.repeat(200_000))],
      [400, order(view, token, 'not JSON')],
      [400, order(view, token, 'null')],
      [400, order(view, token, { actor: actor.sessionId, action: 'explode' })],
      [400, order(view, token, { actor: 5, action: 'start' })],
      [404, order(view, token, { actor: 'x:nobody', action: 'start' })],
      [409, order(view, token, { actor: actor.sessionId, action: 'stop' })],
    ];
    for (const [status, answer] of refused) assert.is((await answer).status, status);
    assert.is(actor.getSnapshot().value, 'off');
    assert.is((await order(view, token, start)).status, 204);
    assert.is(actor.getSnapshot().value, 'on');
    const { port } = new URL(view.url);
    const host = `localhost:${port}`;
    const stop = { actor: actor.sessionId, action: 'stop' };
    assert.is((await order(view, token, stop, { host, origin: `http://${host}` })).status, 204);
  }),
);

test(
  'shows a client, does with it what the page asks for, and keeps its secrets',
  viewed({ control: true }, async (view) => {
    const password = 'correct horse battery staple';
    await using server = await testServer({ accounts: { romeo: password } });
    const client = createClient({
      jid: `romeo@${server.domain}`,
      password,
      ca: server.ca,
      endpoints: [server.endpoint],
      inspect: view.inspect,
    });
    const reader = await Reader.follow(view.url);
    const token = await tokenOf(view);
    const actor = client.actor.sessionId;
    const obey = async (action: Order['action']) =>
      assert.is((await order(view, token, { actor, action })).status, 204, action);
    const facts = () => reader.world[actor]?.facts;
    try {
      await obey('start');
      await until(() => facts()?.phase === 'online');
      assert.equal([facts()?.resumed, facts()?.jid, facts()?.failure], [false, client.jid.toString(), null]);
      assert.match(facts()?.mechanism as string, /^SCRAM-/);
      assert.ok(reader.world[actor]?.states.includes('client.link.connected.live.ready'));
      await obey('drop');
      await until(() => facts()?.phase === 'reconnecting' && facts()?.retry !== null);
      await obey('retry');
      await until(() => facts()?.phase === 'online' && facts()?.resumed === true);
      await obey('stop');
      await until(() => facts()?.phase === 'offline');
    } finally {
      await client.stop();
      reader.close();
    }
    const xml = reader.frames.map((frame) => (frame.kind === 'wire' ? frame.xml : ''));
    assert.ok(xml.some((text) => text.includes('<stream:features')));
    const children = new Set(reader.frames.map((frame) => (frame.kind === 'birth' ? frame.id : null)));
    for (const id of ['stream', 'negotiation', 'sasl', 'transport', 'backoff']) assert.ok(children.has(id), id);
    const { body } = await ask(`${view.url}saved`);
    const { world, charts } = savedIn(body);
    assert.equal(world, {});
    assert.ok(Object.values(charts).length >= 5);
    const payloads = new RegExp(`${password}|,r=[^.]|,p=`);
    assert.not.match(body, payloads);
    const encoded = body.match(/[A-Za-z0-9+/]{16,}={0,2}/g) ?? [];
    for (const text of encoded) assert.not.match(Buffer.from(text, 'base64').toString('latin1'), /n,,n=|,r=|,p=/);
  }),
);

// Pictures and saved recordings.

test(
  'has pictures of machines, drawn or drawn already',
  viewed({}, async (view) => {
    const actor = lit(view);
    const reader = await Reader.follow(view.url);
    await until(() => reader.frames.length === 2);
    reader.close();
    const { chart } = reader.frames[0] as Frame & { kind: 'birth' };
    const [picture, again] = await Promise.all([1, 2].map(() => ask(`${view.url}charts/${chart}.svg`)));
    assert.is(picture?.status, 200);
    assert.is(picture?.headers['content-type'], 'image/svg+xml');
    assert.match(picture?.headers['content-security-policy'] as string, /default-src 'none'/);
    assert.match(picture?.body ?? '', /^<svg [^>]*data-fingerprint="\w+"[\s\S]*light\.on/);
    assert.is(again?.body, picture?.body);
    actor.stop();
  }),
);

test('needs no elkjs for our own machines, and says in words what it needs it for', async () => {
  const root = new URL('../../../', import.meta.url).href;
  const hook = `export async function resolve(name, context, next) {
    if (name.startsWith('elkjs')) throw new Error('there is no elkjs');
    return next(name, context);
  }`;
  const asUrl = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;
  const program = `
    import { createActor, createMachine } from 'xstate';
    const { liveView } = await import(${JSON.stringify(`${root}visualizations/live/server.js`)});
    const { catalogue } = await import(${JSON.stringify(`${root}machines/index.js`)});
    const view = await liveView();
    const states = { a: { on: { go: 'b' } }, b: {} };
    createActor(createMachine({ id: 'a <b>', initial: 'a', states }), { inspect: view.inspect }).start();
    createActor(catalogue.stream.machine, { inspect: view.inspect });
    const html = await (await fetch(view.url + 'saved')).text();
    console.log(...Object.values(JSON.parse(/id="saved">(.*?)<.script>/s.exec(html)[1]).charts));
    await view.close();
  `;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(asUrl(hook))});`;
  const options = `--import=${asUrl(register)}`;
  const { code, output } = await run(['--input-type=module', '-e', program], { NODE_OPTIONS: options });
  assert.is(code, 0);
  assert.match(output, /^<svg [^>]*>.*The chart of a &lt;b&gt; could not be drawn\..*npm install elkjs/);
  assert.ok(output.includes(readFileSync('visualizations/charts/stream.svg', 'utf8')));
});

function savedIn(html: string): Saved {
  const json = /<script type="application\/json" id="saved">([\s\S]*?)<\/script>/.exec(html)?.[1] ?? '';
  assert.not.match(json, /[<\u2028\u2029]/);
  return JSON.parse(json);
}

test(
  'saves everything in one file that asks nobody',
  viewed({ limit: 4, title: 'mine' }, async (view) => {
    const actor = lit(view);
    for (let count = 0; count < 5; count++) actor.send({ type: 'start' });
    const reader = await Reader.follow(view.url);
    await until(() => reader.frames.length === 4);
    reader.close();
    const { headers, body } = await ask(`${view.url}saved`);
    assert.match(
      headers['content-disposition'] ?? '',
      /^attachment; filename="recording-\d{4}-\d\d-\d\dT[\d-]{8}\.html"$/,
    );
    const { world, frames, limit, charts } = savedIn(body);
    assert.is(limit, 4);
    assert.equal(frames, reader.frames);
    assert.equal(frames.reduce<World>(after, world), reader.world);
    assert.is(world[actor.sessionId]?.context.text, '</script><!--\u2028 ü');
    assert.equal(Object.keys(charts), [world[actor.sessionId]?.birth.chart]);
    assert.match(Object.values(charts)[0] ?? '', /^<svg /);
    const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]+)">/.exec(body)?.[1] ?? '';
    assert.match(policy, /default-src 'none'; script-src 'nonce-/);
    assert.not.match(policy, /connect-src/);
    assert.ok(body.includes('<title>mine</title>'));
    assert.ok(body.indexOf('id="saved"') < body.indexOf('<script nonce='), 'the script finds the recording');
    actor.stop();
  }),
);

// Beginnings and ends.

test('ends every connection', async () => {
  const view = await liveView();
  const actor = lit(view);
  const readers = await Promise.all([1, 2, 3].map(() => Reader.follow(view.url, { paused: true })));
  const active = await Reader.follow(view.url);
  await until(() => active.frames.length > 0);
  await Promise.all([view.close(), view.close()]);
  for (const reader of readers) reader.read();
  await until(() => [...readers, active].every(({ closed }) => closed));
  actor.send({ type: 'start' });
  actor.stop();
  assert.is(await ask(view.url).catch(({ code }) => code), 'ECONNREFUSED');
});

test('lets the process end once it is closed', async () => {
  const server = new URL('../../../visualizations/live/server.js', import.meta.url).href;
  const program = `
    import { createActor, createMachine } from 'xstate';
    const { liveView } = await import(${JSON.stringify(server)});
    const view = await liveView();
    createActor(createMachine({}), { inspect: view.inspect }).start();
    const response = await fetch(view.url + 'events');
    await response.body.getReader().read();
    await view.close();
    console.log('closed');
  `;
  const { code, output } = await run(['--input-type=module', '-e', program]);
  assert.equal([code, output.trim()], [0, 'closed']);
});

test(
  'bears requests that break off',
  viewed({ control: true }, async (view) => {
    const port = Number(new URL(view.url).port);
    const token = await tokenOf(view);
    const host = `Host: 127.0.0.1:${port}`;
    const head = `Origin: http://127.0.0.1:${port}\r\nX-Control: ${token}\r\nContent-Type: application/json`;
    for (const text of [
      `POST /control HTTP/1.1\r\n${host}\r\n${head}\r\nContent-Length: 500\r\n\r\n{`,
      `GET /saved HTTP/1.1\r\n${host}\r\n\r\n`,
      `GET /events HTTP/1.1\r\n${host}\r\n\r\n`,
      'nonsense\r\n\r\n',
    ]) {
      const socket = connect(port, '127.0.0.1');
      await new Promise((resolve) => socket.write(text, resolve));
      socket.resetAndDestroy();
      await new Promise((resolve) => socket.once('close', resolve));
    }
    assert.is((await ask(view.url)).status, 200);
  }),
);

test('fails to listen where somebody does, and where the page is missing', async () => {
  await using view = await liveView();
  const port = Number(new URL(view.url).port);
  assert.is(await liveView({ port }).catch(({ code }) => code), 'EADDRINUSE');
  const missing = await readPage(new URL('./page.html', import.meta.url)).catch(({ message }) => message);
  assert.match(missing, /npm run build/);
});

test.run();
