/**
 * Real clients over real sockets, beside their twins: along paths that cover the charts both are put through the same, and
 * after every move the client has taken the transitions that its twin took and stands where that stands.
 */
import * as assert from 'uvu/assert';
import { clientMachine } from '../../machines/client.ts';
import { catalogue } from '../../machines/index.ts';
import type { ClientOptions } from '../../src/index.ts';
import { Coverage, table } from '../../src/testing/coverage.ts';
import { type ExploreOptions, explore } from '../../src/testing/explore.ts';
import { clientKey } from '../../src/testing/moves.ts';
import { coveringPaths } from '../../src/testing/paths.ts';
import { suite } from '../harness.ts';
import { together } from './real-client.ts';
import * as moves from './real-moves.ts';
import { type ClientMachine, twinModel } from './real-twin.ts';
import { untaken } from './real-untaken.ts';
import { Stage, settingsOf, World } from './real-world.ts';

const tests = suite('model/real', 60_000);

/** A part of what may happen: all of it at once would be too much. */
interface Subject {
  readonly options: Partial<ClientOptions>;
  readonly moves: readonly moves.WorldMoves[];
  /** TLS comes first. */
  readonly direct?: true;
}

const { app, platform, presence, lookups, dials, cable, stream, offers, session } = moves;

/** From the start to an open stream, and back. */
const REACH = [app.start, app.stop, app.retry, lookups.nobody, stream.header, cable.cut, moves.passing];
const STARTTLS = [...REACH, lookups.one, dials.connected];
const DIRECT = [...REACH, lookups.oneDirect, dials.connectedDirect];
/** To a stream that is authenticated in the quickest way. */
const CLEAR = [...STARTTLS, offers.anonymous, ...moves.loggingIn];
/** From there online, and back into the session. */
const BIND = [offers.sm, session.bound, session.enabled, app.prepared, session.resumed];

const subjects: Readonly<Record<string, Subject>> = {
  login: {
    options: {},
    moves: [
      ...[...STARTTLS, stream.badHeader, offers.nothing, offers.starttls, ...moves.tls, offers.scram, offers.plus],
      ...[...moves.loggingIn, ...moves.sasl, offers.sm],
    ],
  },
  binding: {
    options: { tls: 'off' },
    moves: [
      ...[...CLEAR, app.prepared, app.unprepared],
      ...[offers.tlsOnly, offers.binding, offers.all, offers.session, offers.sm],
      ...[session.bound, session.notBound, session.enabled, session.notEnabled, session.legacy, session.noLegacy],
    ],
  },
  resumption: {
    options: { tls: 'off' },
    moves: [
      ...[...CLEAR, ...BIND, app.unprepared, offers.binding, stream.movedOn],
      ...[session.notResumed, session.foreign, session.tooHigh],
    ],
  },
  flow: {
    options: { tls: 'off' },
    moves: [...CLEAR, ...BIND, app.waiting, app.stuck, app.free, session.drained, stream.footer],
  },
  liveness: {
    options: { tls: 'off' },
    moves: [...CLEAR, ...BIND, app.probe, moves.heard, moves.talkative, moves.sleepy],
  },
  endings: {
    options: {},
    direct: true,
    moves: [
      ...[...DIRECT, dials.impostor, offers.plain, ...moves.loggingIn, ...BIND],
      ...[cable.ended, stream.footer, stream.systemShutdown, stream.conflict, stream.violation],
    ],
  },
  endpoints: {
    options: { tls: 'off', maxInitialAttempts: 2 },
    moves: [
      ...[app.start, app.stop, lookups.nobody, lookups.defect, lookups.one, lookups.two, lookups.none],
      ...[dials.connected, dials.refused, stream.header, cable.cut, cable.ended, stream.seeOtherHost, moves.passing],
    ],
  },
  network: {
    options: { tls: 'off' },
    moves: [...CLEAR, ...BIND, moves.heard, platform.wake, platform.offline, platform.online],
  },
  presence: {
    options: { tls: 'off' },
    // Time changes nothing about presence, and would make twice as many states.
    moves: [
      ...CLEAR.filter((move) => move !== moves.passing),
      ...[...BIND, offers.binding, session.notResumed, ...Object.values(presence)],
    ],
  },
  'no second session': {
    options: { tls: 'off', allowImplicitReconnect: false },
    moves: [...CLEAR, ...BIND, session.brief, session.notResumed, offers.binding, platform.offline],
  },
};

const coverage = new Coverage();
const report: (string | number)[][] = [['', 'states', 'edges', 'paths', 'moves', 'transitions']];
let stage: Stage;

tests.before(async () => {
  stage = await Stage.open();
});
tests.after(() => stage.close());

for (const [title, { options, moves, direct = false }] of Object.entries(subjects)) {
  tests(`${title}: a real client goes where its twin goes`, async () => {
    const exploring: ExploreOptions<ClientMachine> = {
      input: { settings: settingsOf(options) },
      moves,
      key: clientKey,
    };
    const exploration = explore(twinModel, exploring);
    const paths = coveringPaths(exploration, 'transitions') as readonly (readonly moves.WorldMove[])[];
    let transitions = 0;
    for (const path of paths) {
      const world = new World(stage, options, direct, coverage);
      try {
        transitions += await together(world, exploring, path);
      } finally {
        await world.close();
      }
    }
    const { states, edges } = exploration;
    report.push([title, states.size, edges.length, paths.length, paths.flat().length, transitions]);
  });
}

tests('at least 95 % of the transitions are taken over real sockets, and why not all is known', () => {
  // Machines of services are the shell's to start, and not the twin's.
  const { disco, services, ...others } = catalogue;
  const machines = Object.values(others).map(({ machine }) => machine);
  console.log(`\n${table(report)}\n\n${coverage.table(...machines)}`);
  for (const some of [[clientMachine], machines]) {
    const all = some.flatMap((machine) => Coverage.all(machine)).length;
    assert.ok(some.flatMap((machine) => coverage.missing(machine)).length <= all * 0.05);
  }
  assert.equal(
    machines.flatMap((machine) => coverage.missing(machine)),
    Object.keys(untaken),
  );
});

tests.run();
