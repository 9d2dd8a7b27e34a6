/** A short run of everything that is fuzzed, the same every time; `npm run fuzz` goes on from there. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Chance } from '../chance.ts';
import { suite } from '../harness.ts';
import { checkDocument } from './codec.ts';
import { Counter } from './coverage.ts';
import { documents } from './documents.ts';
import { corpusOf, type Finding, Fuzzer, keep, minimised } from './fuzzer.ts';
import { mutateXml } from './mutate.ts';
import { recordings } from './recording.ts';
import { checkSession } from './session.ts';
import { hold, type Target } from './target.ts';
import { TARGETS } from './targets.ts';

const test = suite('fuzz', 60_000);

/** The seed of every short run. */
const SEED = 6120;

/** How often each target is run with something new. */
const STEPS: Readonly<Record<string, number>> = { codec: 20, readers: 20, jid: 40, scram: 20, session: 4 };

/** Fails with what was found, and what does it. */
function none(findings: readonly Finding[]): void {
  const [first] = findings;
  assert.is(first, undefined, first && `${first.target}: ${first.error}\n${JSON.stringify(first.input)}`);
}

test('what failed once does not fail again', async () => {
  for (const target of TARGETS) {
    for (const [name, input] of corpusOf(target)) {
      try {
        await target.run(input);
      } catch (error) {
        assert.unreachable(`${target.name}/${name}: ${error}`);
      }
    }
  }
});

test('documents: any document, however it was changed and is cut', () => {
  const changes = fc.array(fc.nat(), { maxLength: 3 });
  fc.assert(
    fc.property(documents, documents, changes, (document, other, seeds) => {
      checkDocument(seeds.reduce((text, seed) => mutateXml(text, new Chance(seed), other), document));
    }),
    { numRuns: 300, seed: SEED },
  );
});

const PROMISES: Readonly<Record<string, string>> = {
  codec: 'any bytes: an XmlError or elements, the same for every cut, within the limits',
  readers: 'any element: typed errors and plain data',
  jid: 'any text: a JidError or a JID that is its own normal form',
  scram: 'any exchange: nothing is accepted that is not signed',
  session: 'any server: a client comes to rest, stops, and leaves nothing',
};

for (const target of TARGETS) {
  test(PROMISES[target.name] ?? target.name, async () => {
    const fuzzer = new Fuzzer(target, SEED);
    none(await fuzzer.begin());
    for (let step = 0; step < (STEPS[target.name] ?? 0); step += 1) none(await fuzzer.step());
  });
}

/** What a client goes through in each recording: online, resumed, online anew after a restart, and thrown out. */
const LIVES: Readonly<Record<string, string>> = {
  'ejabberd-23.01.txt': 'EOSWROSWDEOSDF',
  'ejabberd-24.12.txt': 'EOSWROSWDEOSDF',
  'prosody-0.12.txt': 'EOSWROSWDEOSWDX',
  'prosody-13.txt': 'EOSWROSWDEOSWDX',
};

test('recordings as they are take a client through its whole life', async () => {
  for (const [name, text] of recordings()) {
    const usual = { chance: new Chance(SEED), slow: false, hurried: false, pieces: false };
    assert.is(await checkSession(text, usual), LIVES[name], name);
  }
});

test('recordings name no machine', () => {
  for (const [name, text] of recordings()) {
    for (const [host] of text.matchAll(/[\w.-]+@([\w.-]+)/g)) assert.match(host, /@(?:example\.org|localhost)$/, name);
    assert.not.match(text, /127\.0\.0\.1|\/tmp\/|\/home\/|secret/, name);
  }
});

/** A target with a defect: two tags of that name, which only mutations bring about. */
const planted: Target = {
  name: 'planted',
  seeds: ['<a/><good/><bad><d/></bad>'],
  mutate: mutateXml,
  code: /\/src\/xml\//,
  run: (text) => hold(!/<bad>.*<bad>/.test(text), 'planted'),
};

test('a defect is found, made smaller and kept', async () => {
  const fuzzer = new Fuzzer(planted, SEED);
  let findings: Finding[] = [];
  for (let step = 0; step < 100 && findings.length === 0; step += 1) findings = await fuzzer.step();
  const [finding] = findings as [Finding];
  const input = await minimised(planted, finding.input, finding.error);
  assert.is(input, '<bad><bad>');
  const folder = mkdtempSync(join(tmpdir(), 'xstanza-fuzz-'));
  try {
    assert.is(readFileSync(keep({ ...finding, input }, folder), 'latin1'), input);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what reaches new code is kept', async () => {
  const counter = new Counter();
  try {
    const fuzzer = new Fuzzer({ ...planted, run: checkDocument, seeds: ['<a>'] }, SEED, counter);
    await fuzzer.begin();
    const before = fuzzer.reached.blocks;
    for (let step = 0; step < 4; step += 1) none(await fuzzer.step());
    assert.ok(fuzzer.discoveries > 0 && fuzzer.reached.blocks > before);
  } finally {
    counter.stop();
  }
});

test.run();
