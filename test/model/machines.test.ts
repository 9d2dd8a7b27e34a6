/**
 * Every machine of the catalogue in every state it can get into, alone and with the machines below it: the laws of C.8 hold
 * on every way there, and every transition is taken.
 */
import * as assert from 'uvu/assert';
import type { AnyStateMachine } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { Coverage, table } from '../../src/testing/coverage.ts';
import { coveringPaths } from '../../src/testing/paths.ts';
import { transitionId } from '../../visualizations/chart.ts';
import { chart } from '../machines/rig.ts';
import { comesOnline, endsWithStop, noticesSilence } from './checks.ts';
import { type Explored, exploreSubject } from './exploring.ts';
import { alones, composed, type Subject } from './subjects.ts';
import { unreachable } from './unreachable.ts';

const tests = chart('model/machines', 60_000);

const machines: readonly AnyStateMachine[] = Object.values(catalogue).map(({ machine }) => machine);

/** Machines of services are started by the shell. */
const belowClient = machines.filter(({ id }) => id !== 'disco');

const found = new Map<Subject, Explored>();

/** A subject's exploration, made when it is asked for first. */
function explored(subject: Subject): Explored {
  const known = found.get(subject) ?? exploreSubject(subject);
  found.set(subject, known);
  return known;
}

for (const subject of [...alones, ...composed]) {
  tests(`${subject.title}: C.8.1 to 11, 15, 16 and 25 hold in every state`, () => {
    const { exploration } = explored(subject);
    assert.not(exploration.truncated);
    assert.ok(exploration.states.size > 0);
  });
}

/** Transitions that none of the explorations took. */
const untaken = (subjects: readonly Subject[], machine: AnyStateMachine): readonly string[] =>
  Coverage.all(machine).filter((id) => subjects.every((subject) => explored(subject).coverage.times(id) === 0));

const report: (string | number)[][] = [['machine', 'states', 'edges', 'runs', 'transitions', 'paths', 'moves']];

function count(title: string, subjects: readonly Subject[], below: readonly AnyStateMachine[]): void {
  const missing = below.flatMap((machine) => untaken(subjects, machine)).length;
  const all = below.flatMap(Coverage.all).length;
  const paths = subjects.flatMap((subject) => coveringPaths(explored(subject).exploration, 'transitions'));
  const sum = (of: (each: Explored) => number) => subjects.map(explored).reduce((total, each) => total + of(each), 0);
  report.push([
    title,
    sum(({ exploration }) => exploration.states.size),
    sum(({ exploration }) => exploration.edges.length),
    sum(({ exploration }) => exploration.runs),
    `${all - missing}/${all}`,
    paths.length,
    paths.flat().length,
  ]);
}

for (const machine of machines) {
  tests(`${machine.id}: every transition is taken`, () => {
    const subjects = alones.filter((subject) => subject.machine.id === machine.id);
    assert.equal(untaken(subjects, machine), []);
    count(machine.id, subjects, [machine]);
  });
}

tests('the client with all below it: every transition is taken, but for those that have a reason not to be', () => {
  assert.equal(
    belowClient.flatMap((machine) => untaken(composed, machine)),
    Object.keys(unreachable),
  );
  count('client and all below', composed, belowClient);
});

tests('a transition has one name, here and in the charts', () => {
  for (const machine of machines) {
    const names: string[] = [];
    const visit = (node: AnyStateMachine['root']): void => {
      for (const transitions of node.transitions.values()) names.push(...transitions.map(transitionId));
      names.push(...(node.always ?? []).map(transitionId));
      for (const inner of Object.values<AnyStateMachine['root']>(node.states)) visit(inner);
    };
    visit(machine.root);
    assert.equal(names, Coverage.all(machine));
  }
});

for (const subject of composed) {
  tests(`${subject.title}: C.8.1 to 3: stop is accepted everywhere, and ends a run by timers alone and in time`, () => {
    endsWithStop(explored(subject));
  });

  tests(`${subject.title}: a server that falls silent for ever is noticed everywhere`, () => {
    noticesSilence(explored(subject));
  });

  if (!subject.isWhole) continue;
  tests(`${subject.title}: where everybody means well a client comes online, from wherever it is`, () => {
    comesOnline(explored(subject));
  });
}

tests('all of it', () => {
  console.log(`\n${table(report)}`);
  assert.is(report.length, machines.length + 2);
});

tests.run();
