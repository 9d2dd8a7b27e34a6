/**
 * Which regular expressions can take more than linear time: those in which one text can be read along two ways that both go
 * round. Found on the automaton of the pattern, as Weideman and others describe it ("Analyzing Matching Time Behavior of
 * Backtracking Regular Expression Matchers", 2016): two ways from a state back to itself are exponential; a loop from which
 * the same text leads to another loop is polynomial, and the search for the beginning of a match is such a loop, too.
 */

/** A part of a pattern: what it may begin and end with, and whether it may be empty. */
interface Part {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly empty: boolean;
}

const NOTHING: Part = { first: [], last: [], empty: true };
/** Repetitions that are told apart; more of them are taken for any number. */
const COUNTED = 9;

/** Characters to try: all that patterns here distinguish lie among them. */
const SAMPLES: readonly string[] = [
  ...Array.from({ length: 0x3100 }, (_, i) => String.fromCharCode(i)),
  ...'\u4e00\uac00\ud800\udfff\ue000\ufb1d\ufdff\ufe70\ufeff\uff01\uffee\ufffd\ufffe\u{10800}\u{1e900}\u{1f600}',
];

/** The positions of a pattern and which may follow which; an edge that stands there twice can be taken in two ways. */
class Automaton {
  readonly atoms: string[] = [];
  readonly follow: number[][] = [];
  /** Lookarounds that read on without a bound. */
  readonly looks: string[] = [];
  readonly whole: Part;
  readonly anchored: boolean;
  /** Nothing but the end of the text may follow. */
  readonly toTheEnd: boolean;
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
    this.anchored = source.startsWith('^');
    this.toTheEnd = source.endsWith('$');
    this.whole = this.#choice();
    if (this.#at < source.length) throw new Error(`cannot read /${source}/ at ${this.#at}`);
  }

  #choice(): Part {
    const branches = [this.#sequence()];
    while (this.#take('|')) branches.push(this.#sequence());
    return {
      first: branches.flatMap(({ first }) => first),
      last: branches.flatMap(({ last }) => last),
      empty: branches.some(({ empty }) => empty),
    };
  }

  #sequence(): Part {
    let whole = NOTHING;
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at] as string)) {
      whole = this.#join(whole, this.#repeated());
    }
    return whole;
  }

  #join(left: Part, right: Part): Part {
    for (const position of left.last) this.follow[position]?.push(...right.first);
    return {
      first: left.empty ? [...left.first, ...right.first] : left.first,
      last: right.empty ? [...right.last, ...left.last] : right.last,
      empty: left.empty && right.empty,
    };
  }

  #repeated(): Part {
    const start = this.#at;
    let part = this.#item();
    const end = this.#at;
    const [text, min, comma, max] = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(this.#source.slice(end)) ?? [''];
    this.#at += text.length;
    const least = text === '' || text[0] === '+' ? 1 : text[0] === '{' ? Number(min) : 0;
    const most = '*+'.includes(text[0] ?? '?')
      ? Infinity
      : text[0] !== '{'
        ? 1
        : comma === ''
          ? least
          : Number(max || Infinity);
    if (most > COUNTED) {
      for (const position of part.last) this.follow[position]?.push(...part.first);
      return { ...part, empty: part.empty || least === 0 };
    }
    const after = this.#at;
    const again = (): Part => {
      this.#at = start;
      return this.#item();
    };
    part = least === 0 ? { ...part, empty: true } : part;
    for (let count = 1; count < most; count += 1) {
      const next = again();
      part = this.#join(part, count < least ? next : { ...next, empty: true });
    }
    this.#at = after;
    return part;
  }

  #item(): Part {
    if (this.#take('^') || this.#take('$') || this.#take('\\b')) return NOTHING;
    if (this.#source[this.#at] !== '(') return this.#atom();
    const [opening] = /^\((?:\?(?:<?[=!]|:|<\w+>))?/.exec(this.#source.slice(this.#at)) as RegExpExecArray;
    this.#at += opening.length;
    const begin = this.#at;
    const inner = this.#choice();
    const content = this.#source.slice(begin, this.#at);
    if (!this.#take(')')) throw new Error(`no end of ( in /${this.#source}/`);
    if (!/[=!]$/.test(opening)) return inner;
    // What is looked at is not read: it is no part of the way.
    if (/[*+]|\{\d+,\}/.test(content)) this.looks.push(content);
    return NOTHING;
  }

  #atom(): Part {
    const [atom] =
      /^(?:\[(?:\\.|[^\]\\])*\]|\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\u[\dA-Fa-f]{4}|\\x[\dA-Fa-f]{2}|\\.|.)/su.exec(
        this.#source.slice(this.#at),
      ) as RegExpExecArray;
    this.#at += atom.length;
    const position = this.atoms.push(atom) - 1;
    this.follow.push([]);
    return { first: [position], last: [position], empty: false };
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}

/** What is wrong with a regular expression, in words; null if it takes linear time whatever it is given. */
export function objection({ source, flags }: RegExp): string | null {
  const automaton = new Automaton(source);
  const { atoms, whole, anchored, toTheEnd, looks } = automaton;
  if (looks.length > 0) return `looks around without a bound: ${looks.join(' ')}`;
  const matchers = atoms.map((atom) => new RegExp(`^(?:${atom})$`, flags.replace(/[gy]/g, '')));
  const letters = new Map<string, boolean[]>();
  for (const sample of SAMPLES) {
    const fits = matchers.map((matcher) => matcher.test(sample));
    letters.set(fits.map(Number).join(''), fits);
  }
  const alphabet = [...letters.values()];
  // One state more: the search for where a match begins.
  const SEARCH = atoms.length;
  const follow = automaton.follow.map((next) => [...next]);
  if (!anchored && !flags.includes('y')) follow[SEARCH] = [SEARCH, ...whole.first];
  const steps = (state: number, fits: readonly boolean[]) =>
    (follow[state] ?? []).filter((next) => next === SEARCH || fits[next]);
  // Where a match ends whatever follows, nothing is tried in vain.
  const isDone = (state: number) => !toTheEnd && whole.last.includes(state);

  const reach = (from: readonly number[]): Set<string> => {
    const seen = new Set<string>();
    const todo = [from];
    for (let tuple = todo.pop(); tuple !== undefined; tuple = todo.pop()) {
      for (const fits of alphabet) {
        let tuples: number[][] = [[]];
        for (const state of tuple) {
          const next = steps(state, fits);
          tuples = tuples.flatMap((begun) => next.map((one) => [...begun, one]));
        }
        for (const found of tuples) {
          const key = found.join();
          if (seen.has(key)) continue;
          seen.add(key);
          todo.push(found);
        }
      }
    }
    return seen;
  };

  const states = [...follow.keys()].filter((state) => follow[state] !== undefined);
  const loops = states.filter((state) => reach([state]).has(`${state}`));
  for (const state of loops) {
    const twice = (follow[state] ?? []).find(
      (next, index, all) => loops.includes(next) && all.indexOf(next) < index && reach([next]).has(`${state}`),
    );
    if (twice !== undefined && state !== SEARCH)
      return `exponential: ${atoms[state]} goes on with ${atoms[twice]} in two ways`;
  }
  for (const one of loops) {
    for (const key of one === SEARCH ? [] : reach([one, one])) {
      const [left, right] = key.split(',').map(Number) as [number, number];
      if (left === right || !reach([left, right]).has(`${one},${one}`)) continue;
      return `exponential: ${atoms[left]} and ${atoms[right]} in one loop`;
    }
    for (const other of loops) {
      if (one === other || isDone(other) || isDone(one)) continue;
      if (reach([one, one, other]).has(`${one},${other},${other}`)) {
        return `polynomial: ${one === SEARCH ? 'the search' : atoms[one]} and ${atoms[other]} read the same`;
      }
    }
  }
  return null;
}
