/**
 * Chromium for tests, and pages that must keep to themselves:
 *
 *   const test = await browserSuite('page');
 *   test('…', () => withPage(view.url, async (page) => { … }));
 *   test.run();
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { type Suite, suite } from '../../harness.ts';
import { ensurePackages } from '../../servers/install.ts';

/** Debian's. */
const CHROMIUM = '/usr/bin/chromium';

/** Where pictures of the page are kept for people to look at. */
const ARTEFACTS = 'test-artefacts';

let browser: Promise<Browser> | undefined;

/**
 * A suite that needs a browser. Chromium is installed before it is given, outside of any time limit, and the browser is
 * closed after its last test. Without Chromium and with `XSTANZA_SERVERS=none` in the environment, each test counts as skipped.
 *
 * @param limit Milliseconds a test may take.
 * @throws Error one sentence, when Chromium cannot be installed.
 */
export async function browserSuite(title: string, limit: number): Promise<Suite> {
  const inner = suite(title, limit);
  if (!existsSync(CHROMIUM)) {
    if (process.env.XSTANZA_SERVERS === 'none') {
      const skipped = (name: string) => inner.skip(name);
      return Object.assign(skipped, { ...inner, before: () => {}, after: () => {}, afterEach: () => {} });
    }
    await ensurePackages('the browsers', ['chromium']);
  }
  inner.after(async () => {
    await (await browser)?.close();
    browser = undefined;
  });
  return inner;
}

/** What a test may want to be different. */
export interface PageOptions extends BrowserContextOptions {
  /** What a request may begin with, beside the page's own origin. */
  readonly allowed?: readonly string[];
  /** Messages on the console that belong to the test. */
  readonly expected?: RegExp;
}

/**
 * Opens a page of its own in a profile of its own. Afterwards, nothing was ever asked of another origin, and the console
 * has neither an error nor a warning.
 */
export async function withPage<T>(
  url: string,
  body: (page: Page) => Promise<T>,
  { allowed = [], expected, ...options }: PageOptions = {},
): Promise<T> {
  // Root has no sandbox.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  browser ??= chromium.launch({ executablePath: CHROMIUM, args });
  const context = await (await browser).newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(30_000);
  const complaints: string[] = [];
  const own = url.startsWith('file:') ? url : new URL(url).origin;
  try {
    const page = await context.newPage();
    context.on('request', (request) => {
      if (![own, ...allowed].some((start) => request.url().startsWith(start)))
        complaints.push(`asked ${request.url()}`);
    });
    page.on('console', (message) => {
      const harmless = !['error', 'warning'].includes(message.type()) || expected?.test(message.text());
      if (!harmless) complaints.push(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => complaints.push(String(error.stack)));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    await page.goto(url);
    const result = await body(page);
    assert.equal(complaints, []);
    return result;
  } finally {
    await context.close();
  }
}

/** Keeps a picture of what is seen. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`) });
}

/** The page has painted what it was told. */
export async function painted(page: Page): Promise<void> {
  await page.locator(':root').evaluate((root) => {
    const { defaultView: frames } = root.ownerDocument;
    return new Promise<void>((done) => {
      frames?.requestAnimationFrame(() => frames.requestAnimationFrame(() => done()));
    });
  });
}

/** Resolves when `condition` holds; rejects when it does not within half a minute. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`this does not come true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
