/** Explorations that more than one test looks at, each made once. */

import type { AnyStateMachine } from 'xstate';
import { Coverage } from '../../src/testing/coverage.ts';
import { type Exploration, explore } from '../../src/testing/explore.ts';
import { lawsOf } from './laws.ts';
import type { Subject } from './subjects.ts';

/** What `machine` was found to do, and the transitions it took. */
export interface Explored {
  readonly subject: Subject;
  readonly exploration: Exploration<AnyStateMachine>;
  readonly coverage: Coverage;
}

export function exploreSubject(subject: Subject, machine: AnyStateMachine = subject.machine): Explored {
  const coverage = new Coverage();
  const laws = lawsOf(machine.id, subject.options.input);
  return { subject, exploration: explore(machine, { ...subject.options, ...laws, coverage }), coverage };
}
