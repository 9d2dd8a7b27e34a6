import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { blocksOf, PAGES } from './blocks.ts';
import { reference } from './shared.ts';

const test = suite('the pages of the documentation');

const read = (file: string): string => readFileSync(file, 'utf8');

/** As GitHub makes anchors of headings. */
const anchorsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

test('every link leads somewhere', () => {
  for (const page of [...PAGES, 'SECURITY.md']) {
    for (const [link, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      assert.ok(existsSync(file), `${page}: ${link}`);
      if (anchor !== undefined) assert.ok(anchorsOf(read(file)).includes(anchor), `${page}: ${link}`);
    }
  }
});

test('every file that is spoken of is there', () => {
  for (const page of PAGES) {
    for (const [, path = ''] of read(page).matchAll(
      /`((?:src|test|machines|visualizations|examples|docs)\/[\w./-]+)`/g,
    )) {
      assert.ok(existsSync(path), `${page}: ${path}`);
    }
  }
});

test('the README leads to every guide and to every page of the reference', () => {
  const readme = read('README.md');
  const written = readdirSync('docs/api').map((name) => `docs/api/${name}`);
  for (const page of [...PAGES, ...written]) {
    if (page !== 'README.md') assert.ok(readme.includes(`](${page})`), page);
  }
});

/** The names in backquotes in the cells of a column, counted from 0, of the table that begins with this row. */
function column(page: string, head: string, number: number): readonly string[] {
  const [, ...rows] = read(page).slice(read(page).indexOf(head)).split('\n\n')[0]?.split('\n').slice(1) ?? [];
  return rows.flatMap((row) =>
    [...(row.split(/ ?\| ?/)[number + 1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => `${name}`),
  );
}

test('the table of failures has every kind', () => {
  const declared = [...read('machines/failure.ts').matchAll(/^ {2}\| Base<'(\w+)'>/gm)].map(([, kind]) => kind);
  assert.ok(declared.length > 10);
  assert.equal(column('docs/errors.md', '| kind | what happened | what to do |', 0), declared);
});

test('the page on errors has every stage', () => {
  const [, union = ''] = /type Stage =([^;]*);/.exec(read('machines/failure.ts')) ?? [];
  const stages = [...union.matchAll(/'(\w+)'/g)].map(([, stage]) => stage);
  const [row = ''] = read('docs/errors.md')
    .split('\n')
    .filter((line) => line.startsWith('| `stage` |'));
  assert.ok(stages.length > 10);
  assert.equal(
    [...row.matchAll(/`(\w+)`/g)].slice(1).map(([, stage]) => stage),
    stages,
  );
});

/** The files that fail: the embedded server's failures are a server's. */
const sources = [
  ...['src/client', 'src/sasl', 'src/stream', 'src/transport'].flatMap((folder) =>
    readdirSync(folder).map((name) => `${folder}/${name}`),
  ),
  ...readdirSync('machines').map((name) => `machines/${name}`),
].filter((file) => file.endsWith('.ts'));

test('the page on errors has every condition that is our own', () => {
  const [, sentences = ''] = /const SENTENCES = \{([^}]*)\}/.exec(read('src/sasl/types.ts')) ?? [];
  const [, codes = ''] = /readonly code: ('no-xmpp' [^;]*);/.exec(read('src/transport/resolver.ts')) ?? [];
  const [, abouts = ''] = /readonly about: ([^;]*);/.exec(read('src/transport/tls.ts')) ?? [];
  // The literals of a failure: what is read from a server is no literal.
  const literals = sources.flatMap((file) =>
    [...read(file).matchAll(/kind: '(?:dns|tls|policy|auth)',[^}]*?condition: '([a-z-]+)'/g)].map(([, name]) => name),
  );
  const own = new Set([
    ...literals,
    ...[...sentences.matchAll(/'([a-z-]+)':/g), ...`${codes} ${abouts}`.matchAll(/'([a-z-]+)'/g)].map(
      ([, name]) => name,
    ),
  ]);
  assert.ok(own.size > 20);
  const told = column('docs/errors.md', '| kind | condition | what happened | retry |', 1);
  assert.equal([...own].sort(), [...told].sort());
});

test('the page on errors has every error that is exported', () => {
  const errors = reference[0]?.entries.filter(
    ({ kind, signature }) => kind === 'class' && / extends \w*Error/.test(signature),
  );
  const text = read('docs/errors.md');
  for (const { name } of errors ?? []) assert.ok(text.includes(`\`${name}\``), name);
});

test('the table of options has all of them', () => {
  const entries = reference[0]?.entries ?? [];
  const membersOf = (name: string) =>
    entries.find((entry) => entry.name === name)?.members.map((member) => member.name) ?? [];
  const options = [...membersOf('ClientOptions'), ...membersOf('TlsOptions')];
  assert.ok(options.length > 30);
  assert.equal([...column('docs/options.md', '| option | default | |', 0)].sort(), options.sort());
});

test('the table of events has all of them', () => {
  const sources = ['machines/client.ts', 'src/client/events.ts'].map(read);
  const [, emitted = ''] = /type ClientEmitted =([\s\S]*?);\n\n/.exec(sources[0] ?? '') ?? [];
  const [, own = ''] = /interface ClientEvents[^{]*\{([\s\S]*)\n\}/.exec(sources[1] ?? '') ?? [];
  const events = [...emitted.matchAll(/readonly type: '(\w+)'/g), ...own.matchAll(/^ {2}(\w+):/gm)].map(
    ([, name]) => name,
  );
  assert.ok(events.length > 10);
  assert.equal([...new Set(column('docs/connection-state.md', '| event | when |', 0))].sort(), events.sort());
});

test('the page on observability has every level, count and channel', () => {
  const page = 'docs/observability.md';
  const membersOf = (name: string) =>
    reference[0]?.entries
      .find((entry) => entry.name === name)
      ?.members.map((member) => member.name.replaceAll("'", ''));
  const [, levels = ''] = /LOG_LEVELS = \[([^\]]*)\]/.exec(read('src/logger.ts')) ?? [];
  assert.equal(
    column(page, '| level | what comes there |', 0),
    [...levels.matchAll(/'(\w+)'/g)].map(([, level]) => level),
  );
  assert.equal(column(page, '| count | of what |', 0), membersOf('ClientStats'));
  assert.equal(column(page, '| channel | when |', 0), membersOf('DiagnosticMessages'));
});

test('the README has every phase and every state of a token', () => {
  const literalsOf = (file: string, name: string) => {
    const [, union = ''] = new RegExp(`type ${name} =([^;]*);`).exec(read(file)) ?? [];
    return [...union.matchAll(/'(\w+)'/g)].map(([, literal]) => literal);
  };
  assert.equal(column('README.md', '| `client.phase` |', 0), literalsOf('src/client/snapshot.ts', 'Phase'));
  assert.equal(column('README.md', '| state | meaning |', 0), literalsOf('src/client/token.ts', 'DeliveryState'));
});

test('the table of services has all of them', () => {
  const services = reference[0]?.entries.filter(({ signature }) => /^const \w+: Service</.test(signature));
  const told = column('docs/services.md', '| service | what it is for | |', 0);
  assert.equal([...told].sort(), services?.map(({ name }) => name).sort());
});

/** What a file belongs to: a folder of `src`, or the machines, or the visualizations. */
function partOf(file: string): string | undefined {
  return /^src\/(\w+)\//.exec(file)?.[1] ?? /^(machines|visualizations)\//.exec(file)?.[1];
}

test('the picture of the house is that of the imports', () => {
  const imports = new Set<string>();
  for (const folder of ['src', 'machines', 'visualizations']) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const file = join(folder, name);
      if (!file.endsWith('.ts')) continue;
      for (const [, path = ''] of read(file).matchAll(/(?:from |import\()'(\.[^']*)'/g)) {
        const [one, other] = [partOf(file), partOf(join(dirname(file), path))];
        if (one !== undefined && other !== undefined && one !== other) imports.add(`${one} --> ${other}`);
      }
    }
  }
  const [picture] = blocksOf('CONTRIBUTING.md').filter(({ language }) => language === 'mermaid');
  const arrows = picture?.code.slice(1).map((line) => line.trim()) ?? [];
  const reached = (from: string): readonly string[] =>
    arrows
      .filter((arrow) => arrow.startsWith(`${from} -->`))
      .map((arrow) => arrow.split(' --> ')[1] as string)
      .flatMap((next) => [next, ...reached(next)]);
  for (const arrow of arrows) assert.ok(imports.has(arrow), `${arrow} is drawn`);
  for (const arrow of imports) {
    const [one = '', other = ''] = arrow.split(' --> ');
    assert.ok(reached(one).includes(other), `${arrow} is not drawn`);
  }
});

test('every command there is to type exists', () => {
  const { scripts, bin, devDependencies, peerDependencies, name: own } = JSON.parse(read('package.json'));
  const usage = read('src/cli/xstanza.ts');
  const installable = Object.keys({ ...devDependencies, ...peerDependencies, [own]: '' });
  for (const page of PAGES) {
    for (const [command, script = ''] of read(page).matchAll(/npm run ([a-z-]+)/g)) {
      assert.ok(Object.hasOwn(scripts, script), `${page}: ${command}`);
    }
    for (const { language, line, code } of blocksOf(page)) {
      if (language !== 'sh') continue;
      const commands = code.flatMap((text) => text.replace(/ +#.*$/, '').split(' && '));
      for (const command of commands) {
        const [tool, verb = '', ...rest] = command.replace(/^(?:\w+=\S* )+/, '').split(' ');
        const exists =
          tool === 'npm' && verb === 'run'
            ? Object.hasOwn(scripts, rest[0] ?? '')
            : tool === 'npm' && verb === 'install'
              ? rest.filter((word) => !word.startsWith('-')).every((word) => installable.includes(word))
              : tool === 'npm'
                ? verb === 'ci' || Object.hasOwn(scripts, verb)
                : tool === 'npx' &&
                  Object.hasOwn(bin, verb) &&
                  new RegExp(`^  ${rest[0]}[:,]|xstanza ${rest[0]} `, 'm').test(usage);
        assert.ok(exists, `${page}:${line}: ${command}`);
      }
    }
  }
});

test.run();
