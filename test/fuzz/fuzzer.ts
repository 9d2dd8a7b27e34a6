/** The loop: takes an input that is known, changes it, runs it, and keeps it when it reached what no other did. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Chance, hash } from '../chance.ts';
import { type Counter, Reached } from './coverage.ts';
import { toBytes, toText } from './pieces.ts';
import type { Target } from './target.ts';

/** Inputs that failed once, by target; relative to the root of the repository. */
const CORPUS = join('test', 'fuzz', 'corpus');

/** An input for which something does not hold. */
export interface Finding {
  readonly target: string;
  readonly error: unknown;
  readonly input: string;
}

/** Characters of an input; longer ones are cut. */
const LONGEST = 40_000;
/** Inputs that are kept for what they reach; beyond that they replace each other. */
const KEPT = 2_000;
/** Runs that making an input smaller may take. */
const MINIMISING = 600;

/** Every input that a target failed for once, by file name. */
export function corpusOf(target: Target): Map<string, string> {
  const folder = join(CORPUS, target.name);
  const inputs = new Map<string, string>();
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    return inputs;
  }
  for (const name of names) inputs.set(name, toText(readFileSync(join(folder, name))));
  return inputs;
}

/** Writes a finding into the corpus, or another folder; returns the file. */
export function keep({ target, input }: Finding, corpus: string = CORPUS): string {
  const folder = join(corpus, target);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, hash(toBytes(input)).toString(16).padStart(8, '0'));
  writeFileSync(file, toBytes(input));
  return file;
}

/** Runs one input; returns why it failed, or null. */
export async function failureOf(target: Target, input: string): Promise<unknown> {
  try {
    await target.run(input);
    return null;
  } catch (error) {
    return error ?? new Error('nothing was thrown');
  }
}

/** A smaller input that fails in the same way. */
export async function minimised(target: Target, input: string, error: unknown): Promise<string> {
  const kindOf = (failure: unknown) => String(failure).replace(/\d+/g, '#').slice(0, 60);
  const kind = kindOf(error);
  let runs = 0;
  const isAsBad = async (smaller: string) => {
    runs += 1;
    const failure = await failureOf(target, smaller);
    return failure !== null && kindOf(failure) === kind;
  };
  /** Leaves out what can be: halves, quarters, down to single parts. */
  const shrunk = async (parts: readonly string[]) => {
    let rest = parts;
    for (let size = rest.length >> 1; size >= 1; size >>= 1) {
      for (let from = 0; from < rest.length && runs < MINIMISING; ) {
        const fewer = [...rest.slice(0, from), ...rest.slice(from + size)];
        if (await isAsBad(fewer.join(''))) rest = fewer;
        else from += size;
      }
    }
    return rest.join('');
  };
  const fewerLines = await shrunk(input.split(/(?<=\n)/));
  return shrunk([...fewerLines]);
}

/** Inputs that are run before it is looked at what they reached. */
const BATCH = 25;

/** One target, with the inputs that are worth changing. */
export class Fuzzer {
  readonly target: Target;
  readonly reached: Reached;
  readonly #chance: Chance;
  readonly #counter: Counter | null;
  readonly #pool: string[];
  executions = 0;
  /** Inputs kept because they reached something new. */
  discoveries = 0;

  /** Without a counter only the seeds, and what failed once, are changed. */
  constructor(target: Target, seed: number, counter: Counter | null = null) {
    this.target = target;
    this.reached = new Reached(target.code);
    this.#chance = new Chance(seed ^ hash(toBytes(target.name)));
    this.#counter = counter;
    this.#pool = [...target.seeds, ...corpusOf(target).values()];
  }

  /** Runs the seeds as they are. */
  async begin(): Promise<Finding[]> {
    this.#counter?.take();
    const findings = await this.#runAll(this.#pool);
    if (this.#counter !== null) this.reached.look(this.#counter.take(), true);
    return findings;
  }

  /** Runs some more inputs, and keeps those that reach something new. */
  async step(): Promise<Finding[]> {
    const inputs = Array.from({ length: BATCH }, () => this.#next());
    const findings = await this.#runAll(inputs);
    const counter = this.#counter;
    if (counter !== null) await this.#choose(inputs, this.reached.look(counter.take(), false), counter);
    return findings;
  }

  /** Finds those that reached something new, one by one. */
  async #choose(inputs: readonly string[], blocks: number, counter: Counter): Promise<void> {
    let left = blocks;
    for (const input of inputs) {
      if (left <= 0) return;
      await this.#runAll([input]);
      const found = this.reached.look(counter.take(), true);
      if (found === 0) continue;
      left -= found;
      this.discoveries += 1;
      if (this.#pool.length < KEPT) this.#pool.push(input);
      else this.#pool[this.#chance.below(this.#pool.length)] = input;
    }
  }

  /** One more input. */
  #next(): string {
    const chance = this.#chance;
    const { make, mutate } = this.target;
    const scratch = make !== undefined && chance.below(4) === 0;
    let input = scratch ? make(chance.below(2 ** 31)) : chance.pick(this.#pool);
    for (let times = 1 + chance.below(chance.below(3) === 0 ? 8 : 2); times > 0; times -= 1) {
      if (input !== '') input = mutate(input, chance, chance.pick(this.#pool));
    }
    return input.slice(0, LONGEST);
  }

  async #runAll(inputs: readonly string[]): Promise<Finding[]> {
    const findings: Finding[] = [];
    for (const input of inputs) {
      this.executions += 1;
      const error = await failureOf(this.target, input);
      if (error !== null) findings.push({ target: this.target.name, error, input });
    }
    return findings;
  }
}
