/** A machine with a mistake is looked at as the machines are, until something notices. */
import type { AnyStateMachine } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { Coverage } from '../../src/testing/coverage.ts';
import { alone } from '../../src/testing/explore.ts';
import { clientModel } from '../../src/testing/moves.ts';
import { comesOnline, endsWithStop, noticesSilence } from './checks.ts';
import { type Explored, exploreSubject } from './exploring.ts';
import { type Mutation, mutationsOf } from './mutations.ts';
import { alones, composed } from './subjects.ts';
import { unreachable } from './unreachable.ts';

/** The machine that another one invokes under a name. */
const below = (machine: AnyStateMachine, name: string) => machine.implementations.actors[name] as AnyStateMachine;

const having = (machine: AnyStateMachine, name: string, inner: AnyStateMachine): AnyStateMachine =>
  machine.provide({ actors: { [name]: inner } });

const client = clientModel as unknown as AnyStateMachine;
const negotiation = below(client, 'negotiation');

type Place = readonly [original: AnyStateMachine, having: ((other: AnyStateMachine) => AnyStateMachine) | null];

/** Each machine of the catalogue as it is below the client, and how a client is made that has another in its place, if it is. */
const places: Record<string, Place> = {
  client: [client, (other) => other],
  stream: [below(client, 'stream'), (other) => having(client, 'stream', other)],
  negotiation: [negotiation, (other) => having(client, 'negotiation', other)],
  sasl: [below(negotiation, 'sasl'), (other) => having(client, 'negotiation', having(negotiation, 'sasl', other))],
  backoff: [below(client, 'backoff'), (other) => having(client, 'backoff', other)],
  services: [below(client, 'services'), (other) => having(client, 'services', other)],
  // The shell starts it.
  disco: [catalogue.disco.machine as unknown as AnyStateMachine, null],
};

export interface Mutant {
  readonly machine: string;
  readonly mutation: Mutation;
}

/** Mutations that are no mistakes: what they change makes no difference, for the reason given. */
export const equivalent: Readonly<Record<string, string>> = {
  'client.link.resolving --resolve onDone[1]: missing': 'judging asks the next source as well, where there is one',
  'client.link.connected --stop[0]: without observe': 'the time that is left is counted from when it was noted',
};

/** All mutants of all machines of the catalogue that are mistaken. */
export const mutants: readonly Mutant[] = Object.entries(catalogue).flatMap(([machine, entry]) =>
  mutationsOf(entry.machine as AnyStateMachine)
    .filter(({ title }) => !(title in equivalent))
    .map((mutation) => ({ machine, mutation })),
);

/** Some mutants, always the same for a seed. */
export function sample(count: number, seed: number, from: readonly Mutant[] = mutants): readonly Mutant[] {
  const rest = [...from];
  let state = seed;
  return Array.from({ length: Math.min(count, rest.length) }, () => {
    // Numerical Recipes' generator: enough to pick at random.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return rest.splice(Math.floor((state / 2 ** 32) * rest.length), 1)[0] as Mutant;
  });
}

/** What notices the mistake when its machine is looked at by itself; null if nothing does. */
export function noticedAlone({ machine, mutation }: Mutant): string | null {
  return said(() => {
    const changed = mutation.make((places[machine] as Place)[0]);
    const singles = alones.filter(({ machine: { id } }) => id === machine);
    const explored = singles.map((subject) => exploreSubject(subject, alone(changed)));
    return missing(changed, explored)[0] ?? null;
  });
}

/** What notices the mistake, if need be with all machines together; null if nothing does. */
export function noticed(mutant: Mutant): string | null {
  return noticedAlone(mutant) ?? noticedTogether(mutant);
}

function noticedTogether({ machine, mutation }: Mutant): string | null {
  return said(() => {
    const [original, having] = places[machine] as Place;
    if (having === null) return null;
    const changed = mutation.make(original);
    const whole = having(changed);
    const together = composed.map((subject) => {
      const explored = exploreSubject(subject, whole);
      endsWithStop(explored);
      noticesSilence(explored);
      if (subject.isWhole) comesOnline(explored);
      return explored;
    });
    return missing(changed, together).find((id) => !(id in unreachable)) ?? null;
  });
}

/** The transitions of a machine that no exploration took. */
const missing = (machine: AnyStateMachine, explorations: readonly Explored[]): readonly string[] =>
  Coverage.all(machine).filter((id) => explorations.every(({ coverage }) => coverage.times(id) === 0));

/** What a look returns or throws. */
function said(look: () => string | null): string | null {
  try {
    const untaken = look();
    return untaken === null ? null : `${untaken} is not taken`;
  } catch (error) {
    return String((error as Error).message).split('\n')[0] ?? '';
  }
}
