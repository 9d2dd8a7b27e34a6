/** What is looked at in the states that an exploration found, by going on from there. */
import * as assert from 'uvu/assert';
import type { AnyMachineSnapshot, AnyStateMachine, SnapshotFrom } from 'xstate';
import type { ClientSettings, clientMachine } from '../../machines/client.ts';
import { type Exploration, leavesOf, type Move, type Rig, type Run } from '../../src/testing/explore.ts';
import type { Explored } from './exploring.ts';

type Machine = AnyStateMachine;

const snapshotOf = ({ actor }: Rig) => actor.getSnapshot() as AnyMachineSnapshot;

const linkOf = (rig: Rig) => leavesOf((snapshotOf(rig) as unknown as SnapshotFrom<typeof clientMachine>).value.link);

const isOver = (rig: Rig) => ['down', 'failed'].includes(linkOf(rig));

const isOnline = (rig: Rig) => snapshotOf(rig).hasTag('online');

/** A way to each configuration that was found; what else tells states apart hardly matters to how they are left. */
function configurations({ states }: Exploration<Machine>): ReadonlyMap<string, readonly Move[]> {
  const ways = new Map<string, readonly Move[]>();
  for (const { configuration, path } of states.values()) {
    const known = ways.get(configuration);
    if (known === undefined || path.length < known.length) ways.set(configuration, path);
  }
  return ways;
}

/** Makes the move of that label; returns whether anything came of it. */
function takes(run: Run<Machine>, label: string): boolean {
  const move = run.moves.find((each) => each.label === label);
  return move !== undefined && run.take(move) !== null;
}

/** Lets timers fire one after the other until it is `done`; returns the milliseconds that took, or null for too long. */
function passUntil(run: Run<Machine>, done: (rig: Rig) => boolean): number | null {
  const start = run.clock.now();
  for (let fired = 0; fired < 40 && !done(run); fired++) if (!takes(run, 'timer 1')) return null;
  return done(run) ? run.clock.now() - start : null;
}

/** `stop` is accepted everywhere, and ends a run by timers alone and in time; also while stanzas wait to be written. */
export function endsWithStop({ subject, exploration }: Explored): void {
  const { shutdownTimeout } = (subject.options.input as { settings: ClientSettings }).settings;
  for (const [configuration, path] of configurations(exploration)) {
    for (const isStuck of [false, true]) {
      exploration.along(path, (run) => {
        if (isOver(run) || (isStuck && !takes(run, 'flow.stuck'))) return;
        if (isStuck) run.clock.advance(1_000);
        const isOpen = configuration.includes('stream: CONNECTED.OPEN') && !configuration.includes('draining');
        assert.ok(snapshotOf(run).can({ type: 'stop' }) || snapshotOf(run).hasTag('disconnecting'), configuration);
        takes(run, 'stop');
        assert.ok(isOver(run) || snapshotOf(run).hasTag('disconnecting'), `not stopping in ${configuration}`);
        const stopped = run.clock.now();
        if (isStuck && isOpen) {
          run.clock.advance(1_000);
          takes(run, 'flow.free');
        }
        const took = passUntil(run, isOver) === null ? null : run.clock.now() - stopped;
        // Who is closing already has the time for that, and the connection a second to be gone.
        assert.ok(took !== null && took <= shutdownTimeout + 1_000, `${took} ms from ${configuration}`);
        if (isOpen) assert.is(took, shutdownTimeout, `the server has its time to answer in ${configuration}`);
        assert.is(linkOf(run), 'down', configuration);
        assert.equal(run.clock.pending, [], configuration);
      });
    }
  }
}

/** A server that falls silent for ever is noticed everywhere. */
export function noticesSilence({ exploration }: Explored): void {
  for (const [configuration, path] of configurations(exploration)) {
    exploration.along(path, (run) => {
      const took = passUntil(run, (rig) => isOver(rig) || linkOf(rig) === 'waiting');
      assert.is.not(took, null, configuration);
    });
  }
}

/** What happens to a client while everybody means well, the best first. */
const WELL_MEANT = [
  ...['the hooks are through', 'sm.resumed', 'sm.enabled', 'bind.result', 'offer binding and SM', 'verify done'],
  ...['sasl.success', 'initiate done', 'credentials', 'offer SASL', 'header', 'connected over TLS'],
  ...['one endpoint', 'nobody knows where', 'network.online', 'flow.heard', 'retry', 'start'],
];

/** A server offers no binding before a login, and a network that is there does not come. */
function isSensible(label: string, run: Run<Machine>): boolean {
  if (label === 'network.online') return snapshotOf(run).matches({ network: 'offline' });
  if (label !== 'offer binding and SM') return true;
  const labels = run.path.map((move) => move.label);
  return labels.lastIndexOf('verify done') > labels.lastIndexOf('connected over TLS');
}

function meanWell(run: Run<Machine>, configuration: string): void {
  for (let count = 0; count < 60 && !isOnline(run); count++) {
    const best = WELL_MEANT.some((label) => isSensible(label, run) && takes(run, label));
    if (!best && !takes(run, 'timer 1')) break;
  }
  assert.ok(isOnline(run), `${linkOf(run)} from ${configuration}`);
}

/** Where everybody means well a client comes online from wherever it is, and again after it was cut off. */
export function comesOnline({ exploration }: Explored): void {
  for (const [configuration, path] of configurations(exploration)) {
    exploration.along(path, (run) => {
      meanWell(run, configuration);
      for (const cut of ['transport.lost', 'stream.violation']) {
        if (!takes(run, cut)) continue;
        meanWell(run, configuration);
        // Once it has lasted, what was before is forgotten.
        takes(run, 'timer 1');
      }
      takes(run, 'transport.lost');
    });
  }
}
