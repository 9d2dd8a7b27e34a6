/** `xstanza chart`: a machine as a picture or in words, ours or anyone's. */
import { existsSync, writeFileSync } from 'node:fs';
import { extname, format, parse, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { AnyStateMachine } from 'xstate';
import { type CatalogueEntry, catalogue } from '../../machines/index.ts';
import { chartOf, statesOf } from '../../visualizations/chart.ts';
import { describe } from '../../visualizations/describe.ts';
import { toMermaid } from '../../visualizations/mermaid.ts';
import { renderChart } from '../../visualizations/render.ts';

const USAGE = `xstanza chart                     lists our machines
xstanza chart MACHINE [-o FILE]   draws one

  MACHINE   one of ours, or a module with XState machines of yours: ./door.js, or ./door.js#name for one of several
  -o FILE   where to, and by its ending as what: .svg .mmd .txt .json; without it, SVG on the standard output`;

const FORMATS: Readonly<Record<string, (machine: AnyStateMachine) => string | Promise<string>>> = {
  '.svg': renderChart,
  '.mmd': toMermaid,
  '.txt': describe,
  '.json': (machine) => `${JSON.stringify(describe(machine, { format: 'json' }), null, 2)}\n`,
};

/**
 * Runs the command; resolves with the exit code. Throws an error of one sentence for what cannot be read, drawn or written.
 *
 * @param say takes what goes to the standard output.
 */
export async function chart(
  args: readonly string[],
  say: (text: string) => unknown = (text) => process.stdout.write(text),
): Promise<number> {
  const asked = read(args);
  if (asked === null || asked.help) {
    (asked === null ? console.error : console.log)(USAGE);
    return asked === null ? 2 : 0;
  }
  if (asked.machine === undefined) {
    say(list());
    return 0;
  }
  const ending = asked.file === undefined ? '.svg' : extname(asked.file);
  const write = Object.hasOwn(FORMATS, ending) ? FORMATS[ending] : undefined;
  if (write === undefined) throw new Error(`${asked.file} ends in none of ${Object.keys(FORMATS).join(' ')}`);
  const machines = await machinesOf(asked.machine);
  if (asked.file === undefined) {
    if (machines.length > 1)
      throw new Error(`${asked.machine} has several machines: ${names(machines)}; name one after #`);
    for (const [, machine] of machines) say(await write(machine));
    return 0;
  }
  const { dir, name, ext } = parse(asked.file);
  for (const [own, machine] of machines) {
    const file = machines.length === 1 ? asked.file : format({ dir, name: `${name}-${own.replace(/\W/g, '_')}`, ext });
    writeFileSync(file, await write(machine));
    say(`${file}\n`);
  }
  return 0;
}

/** What the arguments ask for; null if they make no sense. */
function read(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { out: { type: 'string', short: 'o' }, help: { type: 'boolean', short: 'h' } },
    });
    const [machine, ...more] = positionals;
    if (more.length > 0 || (machine === undefined && values.out !== undefined)) return null;
    return { machine, file: values.out, help: values.help ?? false };
  } catch {
    return null;
  }
}

/** A line for each of our machines. */
function list(): string {
  const width = Math.max(...Object.keys(catalogue).map((name) => name.length));
  const lines = Object.entries(catalogue).map(([name, { machine }]) => {
    const { root } = chartOf(machine);
    return `${name.padEnd(width)}   ${statesOf(root).length - 1} states: ${root.states.map(({ key }) => key).join(', ')}\n`;
  });
  return lines.join('');
}

type Named = readonly [name: string, machine: AnyStateMachine];

const names = (machines: readonly Named[]): string => machines.map(([name]) => name).join(', ');

/** The machines that are meant: one of ours, or what a module exports. */
async function machinesOf(asked: string): Promise<readonly Named[]> {
  const ours = catalogue as Readonly<Record<string, CatalogueEntry>>;
  if (Object.hasOwn(ours, asked)) return [[asked, (ours[asked] as CatalogueEntry).machine]];
  const [path = '', name] = asked.split('#');
  if (!existsSync(path)) {
    throw new Error(`${asked} is no file, and none of our machines: ${Object.keys(catalogue).join(', ')}`);
  }
  const machines = machinesIn(await load(path));
  if (machines.length === 0) throw new Error(`${path} exports no machine of XState 5`);
  if (name === undefined) return machines;
  const named = machines.filter(([own]) => own === name);
  if (named.length === 0) throw new Error(`${path} has no machine ${name}, only ${names(machines)}`);
  return named;
}

async function load(path: string): Promise<object> {
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    throw new Error(`cannot load ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Every machine once, by the best of its names. */
function machinesIn(module: object): readonly Named[] {
  const found = new Map<AnyStateMachine, string>();
  for (const [name, value] of Object.entries(module)) {
    if (isMachine(value) && (name !== 'default' || !found.has(value))) found.set(value, name);
  }
  return [...found].map(([machine, name]) => [name, machine]);
}

/** By its looks, since a module may have an XState of its own. */
function isMachine(value: unknown): value is AnyStateMachine {
  return typeof value === 'object' && value !== null && '__xstatenode' in value && 'root' in value;
}
