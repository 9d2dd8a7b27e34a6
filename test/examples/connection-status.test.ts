/** The React component, in Chromium, of a client that loses its connection. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import * as assert from 'uvu/assert';
import { statusServer } from '../../examples/connection-status.ts';
import { createClient } from '../../src/index.ts';
import { testServer } from '../../src/testing/server.ts';
import { browserSuite, picture, withPage } from '../visualizations/live/browser.ts';

const test = await browserSuite('examples/connection-status', 60_000);

test('a page shows phase, reason and countdown, and its button tries again', async () => {
  const { outputFiles } = await build({
    entryPoints: ['examples/react/connection-status.tsx'],
    bundle: true,
    format: 'iife',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
  });
  await using server = await testServer({ accounts: { romeo: 'secret' } });
  await using client = createClient({
    jid: `romeo@${server.domain}/garden`,
    password: 'secret',
    ca: server.ca,
    endpoints: [server.endpoint],
    // Nobody waits for it here: the button is pressed.
    backoff: { start: 60_000, cap: 60_000 },
    random: () => 0.99,
  });
  const http = statusServer(client, (outputFiles[0] as { text: string }).text).listen(0, '127.0.0.1');
  await once(http, 'listening');
  try {
    await withPage(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, async (page) => {
      const status = page.locator('section');
      await page.getByRole('heading', { name: 'Offline' }).waitFor();
      await client.start();
      await page.getByRole('heading', { name: 'Online' }).waitFor();
      assert.match(await status.innerText(), `romeo@${server.domain}/garden, a new session`);
      server.drop('rst');
      await page.getByRole('heading', { name: 'Connection lost' }).waitFor();
      assert.match(await status.innerText(), /network failure .*\n\nNext attempt in (?:5\d|60) s/);
      await picture(page, 'connection-status');
      await page.getByRole('button', { name: 'Try now' }).click();
      await page.getByRole('heading', { name: 'Online' }).waitFor();
      assert.match(await status.innerText(), 'the session goes on');
      assert.is(await page.getByRole('button').count(), 0);
    });
  } finally {
    http.closeAllConnections();
    http.close();
  }
});

test.run();
