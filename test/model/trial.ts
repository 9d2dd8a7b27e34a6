/** A machine with a mistake is looked at as the machines are, until something notices. */
import type { AnyStateMachine } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { Coverage } from '../../src/testing/coverage.ts';
import { alone } from '../../src/testing/explore.ts';
import { clientModel } from '../../src/testing/moves.ts';
import { comesOnline, endsWithStop, noticesSilence } from './checks.ts';
import { type Explored, exploreSubject } from './exploring.ts';
import { type Mutation, mutationsOf } from './mutations.ts';
import { alones, composed, type Subject } from './subjects.ts';
import { unreachable } from './unreachable.ts';

/** The machine that another one invokes under a name. */
const below = (machine: AnyStateMachine, name: string) => machine.implementations.actors[name] as AnyStateMachine;

const having = (machine: AnyStateMachine, name: string, inner: AnyStateMachine): AnyStateMachine =>
  machine.provide({ actors: { [name]: inner } });

const client = clientModel as unknown as AnyStateMachine;
const negotiation = below(client, 'negotiation');

/** Each machine of the catalogue as it is below the client, and how a client is made that has another in its place. */
const places: Record<string, readonly [AnyStateMachine, (other: AnyStateMachine) => AnyStateMachine]> = {
  client: [client, (other) => other],
  stream: [below(client, 'stream'), (other) => having(client, 'stream', other)],
  negotiation: [negotiation, (other) => having(client, 'negotiation', other)],
  sasl: [below(negotiation, 'sasl'), (other) => having(client, 'negotiation', having(negotiation, 'sasl', other))],
  backoff: [below(client, 'backoff'), (other) => having(client, 'backoff', other)],
};

export interface Mutant {
  readonly machine: string;
  readonly mutation: Mutation;
}

/** All mutants of all machines of the catalogue. */
export const mutants: readonly Mutant[] = Object.entries(catalogue).flatMap(([machine, entry]) =>
  mutationsOf(entry.machine as AnyStateMachine).map((mutation) => ({ machine, mutation })),
);

/** Some of the mutants, always the same for a seed. */
export function sample(count: number, seed: number): readonly Mutant[] {
  const rest = [...mutants];
  let state = seed;
  return Array.from({ length: Math.min(count, rest.length) }, () => {
    // Numerical Recipes' generator: enough to pick at random.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return rest.splice(Math.floor((state / 2 ** 32) * rest.length), 1)[0] as Mutant;
  });
}

/** What notices the mistake; null if nothing does. */
export function noticed({ machine, mutation }: Mutant): string | null {
  const [original, within] = places[machine] as (typeof places)[string];
  try {
    const changed = mutation.make(original);
    const singles = alones.filter(({ machine: { id } }) => id === machine);
    const seen = singles.map((subject) => exploreSubject(subject, alone(changed)));
    const missed = missing(changed, seen);
    if (missed.length > 0) return `${missed[0]} is not taken`;
    const whole = within(changed);
    const together = composed.map((subject: Subject) => {
      const explored = exploreSubject(subject, whole);
      endsWithStop(explored);
      noticesSilence(explored);
      if (subject.isWhole) comesOnline(explored);
      return explored;
    });
    const apart = missing(changed, together).filter((id) => !(id in unreachable));
    return apart.length > 0 ? `${apart[0]} is not taken with all others` : null;
  } catch (error) {
    return String((error as Error).message).split('\n')[0] ?? '';
  }
}

const missing = (machine: AnyStateMachine, explorations: readonly Explored[]): readonly string[] =>
  Coverage.all(machine).filter((id) => explorations.every(({ coverage }) => coverage.times(id) === 0));
