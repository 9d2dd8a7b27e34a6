/// <reference types="node" preserve="true" />
/**
 * What `xstanza/testing` offers: servers for tests, one that keeps to the rules on a wire that need not (`testServer`) and one
 * that does what a test says (`scriptedServer`); a connection to them in memory; faults by name; a clock that waits to be told;
 * and the exploration of machines, of the client's or of one that has a client in it.
 *
 * The servers make their certificates with node-forge, which has to be installed.
 */
export {
  type CertificateOptions,
  type Certificates,
  type Digest,
  type Identity,
  makeCertificates,
  sharedCertificates,
} from './certificates.ts';
export { ManualClock } from './clock.ts';
export type { Connection } from './connection.ts';
export { Coverage } from './coverage.ts';
export {
  alone,
  Broken,
  done,
  type Edge,
  type Exploration,
  type ExploreOptions,
  explore,
  type Found,
  fails,
  type Happening,
  type Monitor,
  type Move,
  type Moves,
  type Rig,
  type Run,
  sends,
  timers,
  within,
} from './explore.ts';
export { faultPack, type NamedFault } from './fault-pack.ts';
export type {
  ActiveFault,
  CorruptFault,
  DelayFault,
  Direction,
  DropFault,
  DropKind,
  Fault,
  FaultList,
  Match,
  Moment,
  SplitFault,
} from './faults.ts';
export type { Link } from './link.ts';
export { type Acceptor, type MemoryLink, type MemoryOptions, type MemoryTransport, memoryTransport } from './memory.ts';
export { clientKey, clientModel, clientMoves, detourMoves, networkMoves, presenceMoves, serverMoves } from './moves.ts';
export { type CoveringOptions, type Criterion, coveringPaths } from './paths.ts';
export { type Peer, ScriptError, type TranscriptEntry } from './peer.ts';
export type { Negotiated, NegotiateOptions, Stage } from './prologue.ts';
export { type ScramFault, scramFaults } from './sasl.ts';
export { type Script, type ScriptedServer, type ScriptedServerOptions, scripted, scriptedServer } from './scripted.ts';
export {
  type Downfall,
  type LogEntry,
  type TestServer,
  type TestServerEvents,
  type TestServerOptions,
  testServer,
} from './server.ts';
export type { Session } from './session.ts';
export type { BindingType, ScramSettings, Service, Settings, SmSettings } from './settings.ts';
