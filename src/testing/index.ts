/**
 * Servers for tests: one that keeps to the rules on a wire that need not (`testServer`), and one that does what a test says
 * (`scripted`).
 */
export {
  type CertificateOptions,
  type Certificates,
  type Digest,
  type Identity,
  makeCertificates,
  sharedCertificates,
} from './certificates.ts';
export type { Connection } from './connection.ts';
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
