/**
 * The charts with hands and feet: the client machine with every command and actor provided. Made once a process; which
 * client an action belongs to is found by its actor system, so that a client costs no machine of its own.
 */
import { type AnyActor, assign, enqueueActions, fromCallback, fromPromise } from 'xstate';
import {
  type ClientMachineEvent,
  clientMachine,
  type Session,
  type WantedPresence,
  type World,
} from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Failure } from '../../machines/failure.ts';
import { negotiationMachine } from '../../machines/negotiation.ts';
import { saslMachine } from '../../machines/sasl.ts';
import { servicesMachine } from '../../machines/services.ts';
import { streamMachine } from '../../machines/stream.ts';
import type { Source } from '../../machines/sweep.ts';
import type { Exchange } from './exchange.ts';
import type { Link } from './link.ts';
import type { SessionMachine } from './services.ts';

type AnyActorSystem = AnyActor['system'];

/** What the charts of one client command and ask. None of it throws but by rejecting with a `Failure`. */
export interface Effects {
  /** The connection, while there is one. */
  readonly link: Link | null;
  resolve(source: Source, session: Session | null, signal: AbortSignal): Promise<readonly Endpoint[]>;
  /** Opens a connection; returns what closes it. */
  transport(endpoint: Endpoint, tell: (event: ClientMachineEvent) => void): () => void;
  prepare(signal: AbortSignal): Promise<void>;
  keepalive(): () => void;
  exchange(): Exchange;
  restart(): void;
  openGate(whom: 'hooks' | 'everyone'): void;
  closeGate(): void;
  holdSession(): void;
  dropSession(reason: Failure | null, announced: boolean): void;
  announcePresence(presence: WantedPresence): void;
  writePresence(presence: WantedPresence): void;
  endRun(reason: Failure | null): void;
  observe(): World;
  /** The machines of services, by name. */
  readonly sessionMachines: ReadonlyMap<string, SessionMachine>;
  report(error: unknown): void;
}

const shells = new WeakMap<AnyActorSystem, Effects>();

/** Ties the effects of a client to the system of its actor. */
export function register(system: AnyActorSystem, effects: Effects): void {
  shells.set(system, effects);
}

interface Somewhere {
  readonly system: AnyActorSystem;
}

function shellOf({ system }: Somewhere): Effects {
  const shell = shells.get(system);
  if (shell === undefined) throw new Error('an actor without a shell');
  return shell;
}

const sasl = saslMachine.provide({
  actors: {
    askCredentials: fromPromise(({ input, system, signal }) =>
      shellOf({ system }).exchange().ask({
        mechanism: input.choice.mechanism,
        mechanisms: input.offered,
        failure: input.refusal,
        signal,
      }),
    ),
    initiate: fromPromise(({ input, system }) => shellOf({ system }).exchange().initiate(input.choice)),
    respond: fromPromise(({ system, signal }) => shellOf({ system }).exchange().respond(signal)),
    verify: fromPromise(({ system }) => shellOf({ system }).exchange().verify()),
  },
  actions: {
    writeAbort: (args) => shellOf(args).exchange().abort(),
  },
});

const negotiation = negotiationMachine.provide({
  actors: { sasl },
  actions: {
    write: (args, command) => shellOf(args).link?.command(command),
    secure: (args) => void shellOf(args).link?.secure(),
    restart: (args) => shellOf(args).restart(),
  },
});

const stream = streamMachine.provide({
  actions: {
    write: (args, command) => shellOf(args).link?.command(command),
    closeTransport: (args) => shellOf(args).link?.close(),
  },
});

const services = servicesMachine.provide({
  actions: {
    adjust: enqueueActions(({ context: { running }, enqueue, system }) => {
      const wanted = shellOf({ system }).sessionMachines;
      for (const name of running) if (!wanted.has(name)) enqueue.stopChild(name);
      for (const [id, { logic, input }] of wanted) {
        // What a machine of somebody's may be is nothing that this one's types could say.
        if (!running.includes(id)) enqueue.spawnChild(logic as never, { id, input: input() } as never);
      }
      enqueue.assign({ running: [...wanted.keys()] });
    }),
    reportService: (args) => shellOf(args).report((args.event as { readonly error?: unknown }).error),
  },
});

export const clientLogic = clientMachine.provide({
  actors: {
    stream,
    negotiation,
    services,
    resolve: fromPromise(({ input, system, signal }) =>
      shellOf({ system }).resolve(input.source, input.session, signal),
    ),
    transport: fromCallback(({ input, system, sendBack }) => shellOf({ system }).transport(input.endpoint, sendBack)),
    prepare: fromPromise(({ system, signal }) => shellOf({ system }).prepare(signal)),
    keepalive: fromCallback(({ system }) => shellOf({ system }).keepalive()),
  },
  actions: {
    openGate: (args, params) => shellOf(args).openGate(params.for),
    closeGate: (args) => shellOf(args).closeGate(),
    writeProbe: (args) => shellOf(args).link?.probe(),
    holdSession: (args) => shellOf(args).holdSession(),
    replay: (args) => shellOf(args).link?.resume(),
    dropSession: (args, params) => shellOf(args).dropSession(params.reason, true),
    dropFresh: (args, params) => shellOf(args).dropSession(params.reason, false),
    announcePresence: (args) => shellOf(args).announcePresence(args.context.presence),
    writePresence: (args) => shellOf(args).writePresence(args.context.presence),
    endRun: (args, params) => shellOf(args).endRun(params.reason),
    observe: assign((args) => ({ world: shellOf(args).observe() })),
  },
});
