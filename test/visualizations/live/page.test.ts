/** The live page in a real browser: what it shows is what happened, whatever that was, and it answers while it happens. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { assign, createActor, createMachine, setup } from 'xstate';
import { type Client, createClient, el } from '../../../src/index.ts';
import { type TestServer, testServer } from '../../../src/testing/server.ts';
import { type LiveView, liveView } from '../../../visualizations/live/server.ts';
import { after, type Saved, type World } from '../../../visualizations/live/world.ts';
import { browserSuite, painted, picture, until, withPage } from './browser.ts';

const test = await browserSuite('live page', 90_000);

let server: TestServer;

test.before(async () => {
  server = await testServer({ accounts: { ada: 'secret' } });
});

test.after(() => server.close());

/** A client that waits long before it tries again. */
function clientOf(view: LiveView): Client {
  return createClient({
    jid: 'ada@localhost/desk',
    password: 'secret',
    endpoints: [{ host: '127.0.0.1', port: server.port }],
    ca: server.ca,
    backoff: { start: 60_000 },
    random: () => 0.99,
    inspect: view.inspect,
  });
}

/** What the saved page of a view has in it. */
async function savedOf(view: LiveView): Promise<Saved> {
  const html = await (await fetch(`${view.url}saved`)).text();
  return recordingIn(html);
}

function recordingIn(html: string): Saved {
  const from = html.indexOf('>', html.indexOf('id="saved"')) + 1;
  return JSON.parse(html.slice(from, html.indexOf('</script>', from)));
}

/** The world after the frame `n`, as the contract has it. */
function worldAt({ world, frames }: Saved, n: number): World {
  return frames.filter((frame) => frame.n <= n).reduce(after, world);
}

const phase = (page: Page, name: string) => page.locator(`#phase[data-phase=${name}]`).waitFor();

/** What the page says of its place in time: where it is, and between what. */
async function track(page: Page, name: 'now' | 'min' | 'max'): Promise<number> {
  return Number(await page.locator('#track').getAttribute(`aria-value${name}`));
}

/** The number of the frame that the page is at. */
const cursor = (page: Page): Promise<number> => track(page, 'now');

/** Events that are listed; null while it still looks for more. */
async function listed(page: Page): Promise<number | null> {
  const text = (await page.locator('#log-count').textContent()) ?? '';
  return text.includes('…') ? null : Number(text.replaceAll(',', ''));
}

/** Nothing of the page is beyond the right edge of the window. */
const fits = (page: Page): Promise<boolean> =>
  page.locator(':root').evaluate((root) => root.scrollWidth <= root.clientWidth);

/** Whether a script that came from a recording or a picture has run. */
const harmed = (page: Page): Promise<boolean> => page.evaluate(() => Object.hasOwn(globalThis, 'harmed'));

/** The states that the picture has as active. */
const active = (page: Page): Promise<string[]> =>
  page
    .locator('#picture [data-state].active')
    .evaluateAll((states) => states.map((state) => state.getAttribute('data-state') ?? '').sort());

const drawn = (page: Page) => page.locator('#picture svg').waitFor();

/** A tab of an actor, by what it says before its details. */
const tabOf = (page: Page, name: string) => page.locator('#tabs [role=tab]', { hasText: new RegExp(`^${name}`) });

/** A page whose client was online, lost its connection and resumed its session. */
async function withDemo(body: (page: Page, view: LiveView, client: Client) => Promise<void>): Promise<void> {
  await using view = await liveView({ control: true, title: 'Demo' });
  const client = clientOf(view);
  try {
    await client.start();
    await client.send(el('message', { to: 'ada@localhost', type: 'chat', id: 'greeting' }, el('body', {}, 'Hello')));
    await withPage(view.url, async (page) => {
      await phase(page, 'online');
      await drawn(page);
      await body(page, view, client);
    });
  } finally {
    await client.stop();
  }
}

test('waits for an actor, follows it from start to stop by its buttons, and keeps pictures of it', async () => {
  await using view = await liveView({ control: true });
  await withPage(view.url, async (page) => {
    await page.getByText('Waiting for an actor').waitFor();
    await picture(page, 'empty');
    const client = clientOf(view);
    await phase(page, 'offline');
    await page.click('[data-action=start]');
    await phase(page, 'online');
    await drawn(page);
    for (const fact of ['TLSv1.3', 'SCRAM-SHA-512-PLUS', 'bound to tls-exporter', 'resumable', '0 requests']) {
      await page.locator('#fact-list', { hasText: fact }).waitFor();
    }
    await tabOf(page, 'client').and(page.locator('[data-status=active]')).waitFor();
    await tabOf(page, 'negotiation').and(page.locator('[data-status=done]')).waitFor();
    await picture(page, 'light');

    await page.click('[data-action=drop]');
    await phase(page, 'reconnecting');
    const countdown = page.locator('#retry-when');
    const before = await countdown.textContent();
    await until(async () => (await countdown.textContent()) !== before);
    await picture(page, 'reconnecting');

    await page.click('[data-action=retry]');
    await phase(page, 'online');
    await page.locator('#fact-list', { hasText: 'session resumed' }).waitFor();
    assert.is(await page.locator('#retry').isHidden(), true);
    await page.click('#panel-wire');
    await page.locator('#wire', { hasText: '<resumed' }).waitFor();

    await page.click('[data-action=stop]');
    await phase(page, 'offline');
    await tabOf(page, 'stream').and(page.locator('[data-status=done]')).waitFor();
    assert.is(client.getSnapshot().phase, 'offline');
  });
});

test('says when the server is gone, and follows the next one', async () => {
  const first = await liveView();
  const { port } = new URL(first.url);
  const options = { expected: /net::ERR_/ };
  await withPage(
    first.url,
    async (page) => {
      await page.locator('#status[data-contact=live]').waitFor();
      createActor(createMachine({ id: 'earlier' }), { inspect: first.inspect }).start();
      await tabOf(page, 'earlier').waitFor();
      await first.close();
      await page.locator('#status[data-contact=lost]').waitFor();
      await using second = await liveView({ port: Number(port) });
      createActor(createMachine({ id: 'later' }), { inspect: second.inspect }).start();
      await page.locator('#status[data-contact=live]').waitFor();
      await tabOf(page, 'later').waitFor();
      assert.is(await tabOf(page, 'earlier').count(), 0);
    },
    options,
  );
});

test('fits its window and its theme, from 400 pixels to 4K', async () => {
  await withDemo(async (page) => {
    const sizes = { 400: 860, 900: 1100, 1440: 900, 3840: 2160 };
    for (const [width, height] of Object.entries(sizes)) {
      await page.setViewportSize({ width: Number(width), height });
      await painted(page);
      assert.ok(await fits(page), `${width} pixels`);
      await picture(page, `${width}-pixels`);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    const colours = async () => [
      await page
        .locator('body')
        .evaluate((body) => body.ownerDocument.defaultView?.getComputedStyle(body).backgroundColor),
      await page
        .locator('#picture .state.active > .box')
        .first()
        .evaluate((box) => box.ownerDocument.defaultView?.getComputedStyle(box).stroke),
    ];
    const light = await colours();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await colours();
    for (const [place, colour] of light.entries()) assert.is.not(colour, dark[place]);
    await picture(page, 'dark');
    await page.click('#theme');
    assert.equal(await colours(), light, 'the light theme where the system is dark');
    await page.click('#theme');
    assert.equal(await colours(), dark);
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await colours(), dark, 'the dark theme where the system is light');
  });
});

test('shows any point in time as it was, for every actor', async () => {
  await withDemo(async (page, view) => {
    await page.keyboard.press('Space');
    const saved = await savedOf(view);
    const moves = ['Home', 'ArrowRight', ...Array(9).fill('Shift+ArrowRight'), 'ArrowLeft', 'Shift+ArrowLeft', 'End'];
    const seen = new Set<number>();
    for (const name of ['client', 'negotiation', 'stream']) {
      await tabOf(page, name).click();
      for (const move of moves) {
        await page.keyboard.press(move);
        await painted(page);
        await page.locator('#stage-message').waitFor({ state: 'hidden' });
        const n = await cursor(page);
        seen.add(n);
        const there = Object.values(worldAt(saved, n)).filter(({ birth, states }) =>
          name === 'client' ? birth.parent === null : birth.id === name && states.length > 0,
        );
        assert.equal(await active(page), [...(there.at(-1)?.states ?? [])].sort(), `${name} at ${n}`);
        const taken = saved.frames.findLast(
          (f) => f.n <= n && f.kind === 'step' && f.actor === there.at(-1)?.birth.actor,
        );
        const marked = await page
          .locator('#picture [data-transition].taken')
          .evaluateAll((lines) => lines.map((line) => line.getAttribute('data-transition')));
        for (const id of marked) assert.ok(taken?.kind === 'step' && taken.taken.includes(id ?? ''), `${id} at ${n}`);
      }
    }
    assert.ok(seen.size > 10, 'many points in time');
  });
});

test('travels by the timeline, and goes back to following', async () => {
  await withDemo(async (page, _, client) => {
    const box = await page.locator('#track').boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + 2, box.y + 5);
    await page.mouse.down();
    await painted(page);
    assert.is(await cursor(page), 0);
    await page.mouse.move(box.x + box.width / 3, box.y + 5);
    await page.mouse.up();
    await painted(page);
    const there = await cursor(page);
    assert.ok(there > 5);
    assert.is(await page.locator('#follow').getAttribute('aria-pressed'), 'false');
    await page.locator('#log .row.future').first().waitFor();
    const end = await track(page, 'max');
    client.send(el('message', { to: 'ada@localhost', type: 'chat' }, el('body', {}, 'More')));
    await until(async () => (await track(page, 'max')) > end);
    assert.is(await cursor(page), there, 'who looks back is left alone');
    await page.click('#follow');
    await until(async () => (await cursor(page)) === (await track(page, 'max')));
  });
});

test('filters and searches events, and steps through what it found', async () => {
  await withDemo(async (page) => {
    const rows = () => page.locator('#log .row:not([hidden])').allTextContents();
    const all = (await listed(page)) ?? 0;
    const fewer = async () => ((await listed(page)) ?? all) < all;
    await page.keyboard.press('/');
    await page.keyboard.type('negotiation done');
    await until(fewer);
    assert.ok((await rows()).every((row) => row.includes('negotiation')));
    assert.is(await cursor(page), Number(await page.locator('#track').getAttribute('aria-valuemax')));
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowLeft');
    await painted(page);
    assert.match((await page.locator('.event-title').textContent()) ?? '', 'negotiation done');
    await page.locator('#event', { hasText: 'Commands' }).waitFor();

    await page.fill('#search', 'nothing has this name');
    await page.getByText('No event matches.').waitFor();
    await page.fill('#search', '');
    await page.locator('#only-actor').check();
    await tabOf(page, 'sasl').click();
    await until(fewer);
    assert.ok((await page.locator('#log .row:not([hidden]) .row-actor').allTextContents()).every((n) => n === 'sasl'));
  });
});

test('shows the payload, the commands, and what changed in the context', async () => {
  await withDemo(async (page) => {
    await page.fill('#search', 'client tls.secured');
    await until(async () => (await listed(page)) === 1);
    await page.locator('#log .row:not([hidden])').click();
    await page.locator('#event', { hasText: 'Payload' }).getByText('security').waitFor();
    await page.locator('#event', { hasText: 'Commands' }).getByText('send tls.secured to negotiation').waitFor();
    await page.click('#panel-context');
    assert.is(await page.locator('#context .entry.changed').count(), 0);
    await page.fill('#search', 'client transport.connected');
    await until(async () => (await listed(page)) === 1);
    await page.locator('#log .row:not([hidden])').click();
    await page.locator('#context .entry.changed', { hasText: 'trust' }).getByText(/^was/).waitFor();
    assert.is(await page.locator('#context').getByText('secret', { exact: true }).count(), 0);
  });
});

test('lays out the XML of both ways, finds in it, and copies it', async () => {
  await withDemo(async (page) => {
    await page.click('#panel-wire');
    const rows = page.locator('#wire .row:not([hidden])');
    await page.fill('#wire-search', 'greeting');
    await page.locator('#wire', { hasText: '<body>Hello</body>' }).waitFor();
    assert.ok((await page.locator('#wire .row[data-direction=out] .xml-name').allTextContents()).includes('body'));
    await page.locator('#wire-out').uncheck();
    await page.locator('#wire .row[data-direction=out]:not([hidden])').first().waitFor({ state: 'hidden' });
    await page.locator('#wire-out').check();
    await page.locator('#wire-in').uncheck();
    await page.locator('#wire .row[data-direction=in]:not([hidden])').first().waitFor({ state: 'hidden' });
    await rows.first().click();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.click('#wire-copy');
    await page.getByText('Copied').waitFor();
    const copied = await page.locator(':root').evaluate((root) => {
      return root.ownerDocument.defaultView?.navigator.clipboard.readText();
    });
    assert.match(copied ?? '', /^<message .*<body>Hello<\/body>/);
    await page.locator('#event .xml-block', { hasText: 'Hello' }).waitFor();
  });
});

test('does everything by keyboard', async () => {
  await withDemo(async (page) => {
    const view = () =>
      page.locator('#picture svg').evaluate((svg) => (svg.getAttribute('viewBox') ?? '').split(' ').map(Number));
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.keyboard.press('f');
    await painted(page);
    const fit = await view();
    await page.keyboard.press('+');
    const near = await view();
    assert.ok((near[2] as number) < (fit[2] as number));
    await page.keyboard.press('-');
    await page.keyboard.press('-');
    assert.ok(((await view())[2] as number) > (near[2] as number));
    await page.keyboard.press('d');
    await page.keyboard.press('f');
    await painted(page);
    assert.equal(await view(), fit);

    const chosen = () => page.locator('#tabs [aria-selected=true]').getAttribute('aria-label');
    const first = await chosen();
    await page.keyboard.press(']');
    await painted(page);
    assert.is.not(await chosen(), first);
    await page.keyboard.press('[');
    await painted(page);
    assert.is(await chosen(), first);

    await page.keyboard.press('Space');
    await painted(page);
    assert.is(await page.locator('#follow').getAttribute('aria-pressed'), 'false');
    await page.keyboard.press('Space');
    await painted(page);
    assert.is(await page.locator('#follow').getAttribute('aria-pressed'), 'true');

    await page.keyboard.press('?');
    await page.locator('#help[open]').waitFor();
    const there = await cursor(page);
    await page.keyboard.press('ArrowLeft');
    await painted(page);
    assert.is(await cursor(page), there, 'a dialog keeps the keys to itself');
    await page.keyboard.press('Escape');
    await page.locator('#help:not([open])').waitFor({ state: 'attached' });

    const reached = new Set<string>();
    for (let step = 0; step < 60; step++) {
      await page.keyboard.press('Tab');
      const focus = page.locator(':focus');
      if ((await focus.count()) === 0) continue;
      reached.add(await focus.evaluate((element) => element.id || element.className));
      const ring = await focus.evaluate((element) => {
        const shown = element.matches('.check input') ? element.nextElementSibling : element;
        return shown && element.ownerDocument.defaultView?.getComputedStyle(shown).outlineStyle !== 'none';
      });
      assert.ok(ring, `the focus is seen on ${[...reached].at(-1)}`);
    }
    const wanted = 'save theme help-open zoom-in fit search log panel-wire panel-context event track follow tab';
    for (const id of wanted.split(' ')) assert.ok(reached.has(id), `${id} is reached by Tab`);
    assert.is(await page.locator('#tabs [role=tab][tabindex="0"]').count(), 1);

    await page.locator('#log').focus();
    await page.keyboard.press('ArrowUp');
    await painted(page);
    const current = await page.locator('#log').getAttribute('aria-activedescendant');
    assert.is(await page.locator(`#${current}`).getAttribute('aria-selected'), 'true');
    assert.is(await page.locator('#log [aria-selected=true]:not([hidden])').count(), 1);
  });
});

test('saves a page that replays without any server', async () => {
  await withDemo(async (page) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
    const file = join(await mkdtemp(join(tmpdir(), 'xstanza-page-')), 'saved.html');
    await download.saveAs(file);
    const saved = recordingIn(await readFile(file, 'utf8'));
    await withPage(`file://${file}`, async (replay) => {
      const asked: string[] = [];
      replay.on('request', (request) => asked.push(request.url()));
      await replay.reload();
      await drawn(replay);
      await replay.locator('#status[data-contact=saved]').waitFor();
      assert.is(await replay.locator('#save').isHidden(), true);
      assert.is(await replay.locator('#controls').isHidden(), true);
      for (const move of ['Home', 'Shift+ArrowRight', 'Shift+ArrowRight', 'End']) {
        await replay.keyboard.press(move);
        await painted(replay);
        const there = Object.values(worldAt(saved, await cursor(replay))).find(({ birth }) => birth.parent === null);
        assert.equal(await active(replay), [...(there?.states ?? [])].sort());
      }
      assert.is(await cursor(replay), saved.frames.at(-1)?.n);
      await picture(replay, 'saved');
      assert.equal(asked, [`file://${file}`]);
    });
    await rm(dirname(file), { recursive: true });
  });
});

/** Sends events, some at a time, for as long as somebody wants more; gives how many. */
async function flood(send: () => void, more: (sent: number) => boolean): Promise<number> {
  let sent = 0;
  for (; more(sent); sent++) {
    send();
    if (sent % 100 === 99) await turn();
  }
  return sent;
}

const counter = setup({ types: { context: {} as { count: number } } }).createMachine({
  id: 'counter',
  context: { count: 0 },
  initial: 'even',
  states: {
    even: { on: { tick: { target: 'odd', actions: assign({ count: ({ context }) => context.count + 1 }) } } },
    odd: { on: { tick: { target: 'even', actions: assign({ count: ({ context }) => context.count + 1 }) } } },
  },
});

test('answers while 100,000 events come, and holds no more of the page than is seen', async () => {
  const events = 100_000;
  await using view = await liveView({ limit: events });
  await withPage(view.url, async (page) => {
    const actor = createActor(counter, { inspect: view.inspect }).start();
    await drawn(page);
    let answered = false;
    const flooding = flood(
      () => actor.send({ type: 'tick' }),
      (count) => count < events || !answered,
    );
    await until(async () => (await track(page, 'max')) > 2_000);
    await page.locator('#log .row:not([hidden])').nth(3).click();
    await page.locator('#follow[aria-pressed=false]').waitFor();
    await page.click('#panel-context');
    await page.locator('#context', { hasText: 'count' }).waitFor();
    answered = true;
    const sent = await flooding;
    await page.click('#follow');
    await page.locator('#context', { hasText: String(sent) }).waitFor();
    await until(async () => (await listed(page)) !== null);

    const elements = await page.locator('*').count();
    assert.ok(elements < 1_500, `${elements} elements`);
    const session = await page.context().newCDPSession(page);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number };
    assert.ok(usedSize < 300 * 1024 * 1024, `${usedSize} bytes`);

    await page.keyboard.press('Home');
    await page.keyboard.press('Shift+ArrowRight');
    await painted(page);
    const saved = await savedOf(view);
    const [known] = Object.values(worldAt(saved, await cursor(page)));
    await page.locator('#context', { hasText: String(known?.context.count) }).waitFor();
    assert.equal(await active(page), [...(known?.states ?? [])].sort());
    await page.fill('#search', 'no such thing');
    await page.getByText('No event matches.').waitFor();
    await picture(page, 'flood');
  });
});

test('forgets what the server forgets', async () => {
  await using view = await liveView({ limit: 1_000 });
  await withPage(view.url, async (page) => {
    await page.locator('#status[data-contact=live]').waitFor();
    const actor = createActor(counter, { inspect: view.inspect }).start();
    await flood(
      () => actor.send({ type: 'tick' }),
      (sent) => sent < 5_000,
    );
    await until(async () => (await track(page, 'max')) > 5_000);
    const kept = (await track(page, 'max')) - (await track(page, 'min'));
    assert.ok(kept >= 500 && kept < 2_000, `${kept} frames`);
    await page.keyboard.press('Home');
    await page.click('#panel-context');
    await drawn(page);
    const text = await page.locator('#context').textContent();
    // One tick a frame, after the birth and the beginning.
    assert.match(text ?? '', String((await cursor(page)) - 1));
  });
});

const EVIL = '<img src=x onerror="globalThis.harmed = true"><script>globalThis.harmed = true</script>';

test('takes hostile names and endless texts for what they are', async () => {
  await using view = await liveView();
  await withPage(view.url, async (page) => {
    const machine = createMachine({
      id: EVIL,
      context: { [EVIL]: EVIL, __proto__: { toString: 1 }, long: 'x'.repeat(1_000_000) },
      initial: EVIL,
      states: { [EVIL]: { on: { '*': { actions: EVIL } }, tags: [EVIL], description: EVIL } },
    });
    const actor = createActor(machine, { id: EVIL, inspect: view.inspect }).start();
    actor.send({ type: EVIL, [EVIL]: EVIL, constructor: 'x', long: 'y'.repeat(1_000_000) });
    actor.send({ type: `${EVIL}${'z'.repeat(1_000_000)}` });
    const xml = (text: string) => ({ direction: 'in' as const, xml: text });
    view.inspect.client({
      actor: actor as never,
      facts: () => ({ phase: EVIL, jid: EVIL, failure: EVIL, retry: { at: EVIL }, tls: EVIL }) as never,
      tap(listener) {
        for (const text of [EVIL, '<', '<a', '<a b', '<a b="', '</', '<!', '<a/><', `<${'a'.repeat(1_000_000)}`]) {
          listener(xml(text));
        }
        listener(xml(`<m${' a="b"'.repeat(100_000)}>`));
        listener(xml('<b>'.repeat(100_000)));
        return { unsubscribe() {} } as never;
      },
      drop() {},
    });
    await page.locator('#log .row', { hasText: '<img src=x' }).first().waitFor();
    await page.locator('#event', { hasText: '<img' }).waitFor();
    for (let step = 0; step < 6; step++) {
      await page.keyboard.press('ArrowLeft');
      await painted(page);
    }
    await page.click('#panel-wire');
    await page.click('#panel-context');
    await page.keyboard.press('Space');
    await page.fill('#wire-search', 'onerror');
    await page.locator('#wire', { hasText: '<img src' }).waitFor();
    await page.fill('#wire-search', '');
    await painted(page);
    for (const row of await page.locator('#wire .row.first:not([hidden])').all()) {
      await row.click();
      await painted(page);
    }
    assert.is(await page.locator('img, script:not([nonce])').count(), 0);
    assert.not(await harmed(page));
    assert.ok(await fits(page));
    const texts = await page.locator('body *:not(script, style, :has(*))').allTextContents();
    const longest = Math.max(...texts.map(({ length }) => length));
    assert.ok(longest < 5_000, `${longest} characters in one element`);
    await picture(page, 'hostile');
  });
});

test('takes nothing of a picture but the drawing', async () => {
  await using view = await liveView();
  const source = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 10"
    onload="harmed = true" style="background: url(/stolen-1)"><style>@import url(/stolen-2);</style>
    <style>rect { fill: url(/stolen-3) }</style><script>harmed = true</script>
    <foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="/stolen-4"></iframe></foreignObject>
    <image href="/stolen-5"/><use xlink:href="/stolen-6"/><a href="javascript:harmed = true"><text>a</text></a>
    <img xmlns="http://www.w3.org/1999/xhtml" src="/stolen-7" onerror="harmed = true"/>
    <g class="state" data-state="counter" onclick="harmed = true"><rect width="10" height="10" fill="url(/stolen-8)"/></g>
    <animate attributeName="href" to="/stolen-9"/><set attributeName="onclick" to="harmed = true"/></svg>`;
  await withPage(view.url, async (page) => {
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.route('**/charts/*', (route) => route.fulfill({ contentType: 'image/svg+xml', body: source }));
    createActor(counter, { inspect: view.inspect }).start();
    await drawn(page);
    await page.locator('#picture [data-state=counter].active rect').click();
    const names = await page.locator('#picture svg *').evaluateAll((all) => [...new Set(all.map((e) => e.localName))]);
    assert.equal(names.sort(), ['g', 'rect', 'style']);
    const attributes = await page
      .locator('#picture svg, #picture svg *')
      .evaluateAll((all) => all.flatMap((e) => e.getAttributeNames()));
    for (const name of attributes) assert.not.match(name, /^on|href|^style$/);
    assert.not(await harmed(page));
    assert.equal(
      asked.filter((path) => path.includes('stolen')),
      [],
    );
  });
});

test('says that a promise has no chart', async () => {
  await withDemo(async (page) => {
    await tabOf(page, 'resolve').click();
    await page.locator('#stage-message', { hasText: 'it has no chart' }).waitFor();
    assert.is(await page.locator('#picture svg').count(), 0);
  });
});

test.run();
