/**
 * Every machine of the catalogue in every state it can get into, alone and with the machines below it: the laws of C.8 hold
 * on every way there, and every transition is taken.
 */
import * as assert from 'uvu/assert';
import type { AnyMachineSnapshot, AnyStateMachine, SnapshotFrom } from 'xstate';
import type { clientMachine } from '../../machines/client.ts';
import { catalogue } from '../../machines/index.ts';
import { Coverage, table } from '../../src/testing/coverage.ts';
import { leavesOf, type Move, type Rig, type Run } from '../../src/testing/explore.ts';
import { coveringPaths } from '../../src/testing/paths.ts';
import { transitionId } from '../../visualizations/chart.ts';
import { chart } from '../machines/rig.ts';
import { type Explored, exploreSubject } from './exploring.ts';
import { alones, composed, type Subject } from './subjects.ts';
import { unreachable } from './unreachable.ts';

const tests = chart('model/machines', 60_000);

const machines: readonly AnyStateMachine[] = Object.values(catalogue).map(({ machine }) => machine);

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
    assert.ok(exploration.states.size > 1);
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
    machines.flatMap((machine) => untaken(composed, machine)),
    Object.keys(unreachable),
  );
  count('client and all below', composed, machines);
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

const linkOf = ({ actor }: Rig) => leavesOf((actor.getSnapshot() as SnapshotFrom<typeof clientMachine>).value.link);

const isOver = (rig: Rig) => ['down', 'failed'].includes(linkOf(rig));

/** Lets timers fire one after the other until it is `done`; returns the milliseconds that took, or null for too long. */
function passUntil(run: Run<AnyStateMachine>, done: (rig: Rig) => boolean): number | null {
  const start = run.clock.now();
  for (let fired = 0; fired < 40 && !done(run); fired++) {
    const next = run.moves.find(({ label }) => label === 'timer 1');
    if (next === undefined) return null;
    run.take(next);
  }
  return done(run) ? run.clock.now() - start : null;
}

/** A way to each configuration that was found; what else tells states apart hardly matters to how they are left. */
function configurations(subject: Subject): Iterable<readonly [configuration: string, path: readonly Move[]]> {
  const ways = new Map<string, readonly Move[]>();
  for (const { configuration, path } of explored(subject).exploration.states.values()) {
    const known = ways.get(configuration);
    if (known === undefined || path.length < known.length) ways.set(configuration, path);
  }
  return ways;
}

for (const subject of composed) {
  const { settings } = subject.options.input as { settings: { shutdownTimeout: number } };

  tests(`${subject.title}: C.8.1 to 3: stop is accepted everywhere, and ends a run by timers alone and in time`, () => {
    const { along } = explored(subject).exploration;
    for (const [key, path] of configurations(subject)) {
      along(path, (run) => {
        if (isOver(run)) return;
        const snapshot = run.actor.getSnapshot() as AnyMachineSnapshot;
        assert.ok(snapshot.can({ type: 'stop' }) || snapshot.hasTag('disconnecting'), key);
        const stop = run.moves.find(({ label }) => label === 'stop');
        assert.is.not(stop, undefined);
        if (stop !== undefined) run.take(stop);
        const took = passUntil(run, isOver);
        // A stream that is closing already is given its own time, and the connection a second to close.
        assert.ok(took !== null && took <= settings.shutdownTimeout + 1_000, `${took} ms from ${key}`);
        assert.is(linkOf(run), 'down', key);
        assert.equal(run.clock.pending, [], key);
      });
    }
  });

  tests(`${subject.title}: a server that falls silent for ever is noticed everywhere`, () => {
    const { along } = explored(subject).exploration;
    for (const [key, path] of configurations(subject)) {
      along(path, (run) => {
        assert.is.not(
          passUntil(run, (rig) => isOver(rig) || linkOf(rig) === 'waiting'),
          null,
          key,
        );
      });
    }
  });
}

/** What happens to a client while all mean well, in the order of what is best. */
const WELL_MEANT = [
  ...['the hooks are through', 'sm.resumed', 'sm.enabled', 'bind.result', 'offer binding and SM', 'verify done'],
  ...['sasl.success', 'initiate done', 'credentials', 'offer SASL', 'header', 'connected over TLS'],
  ...['one endpoint', 'nobody knows where', 'network.online', 'flow.heard', 'retry', 'start'],
];

const isAuthenticated = ({ path }: Run<AnyStateMachine>) => {
  const labels = path.map(({ label }) => label);
  return labels.lastIndexOf('verify done') > labels.lastIndexOf('connected over TLS');
};

const isOffline = ({ actor }: Rig) => (actor.getSnapshot() as AnyMachineSnapshot).matches({ network: 'offline' });

const isOnline = (rig: Rig) => (rig.actor.getSnapshot() as AnyMachineSnapshot).hasTag('online');

tests('where everybody means well a client comes online, from wherever it is', () => {
  for (const subject of composed) {
    if (!/session|network$/.test(subject.title)) continue;
    const { along } = explored(subject).exploration;
    for (const [key, path] of configurations(subject)) {
      along(path, (run) => {
        for (let count = 0; count < 60 && !isOnline(run); count++) {
          const { moves: possible } = run;
          const best = WELL_MEANT.find((label) => {
            if (label === 'offer binding and SM' && !isAuthenticated(run)) return false;
            if (label === 'network.online' && !isOffline(run)) return false;
            const move = possible.find((each) => each.label === label);
            return move !== undefined && run.take(move) !== null;
          });
          if (best !== undefined) continue;
          const next = run.moves.find(({ label }) => label === 'timer 1');
          if (next === undefined) break;
          run.take(next);
        }
        assert.ok(isOnline(run), `${linkOf(run)} from ${key}`);
      });
    }
  }
});

tests('all of it', () => {
  console.log(`\n${table(report)}`);
  assert.is(report.length, machines.length + 2);
});

tests.run();
