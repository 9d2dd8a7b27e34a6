/**
 * The catalogue: every machine of the client with inputs to try it with. Pictures, tests and the curious start here.
 */
import type { AnyStateMachine } from 'xstate';
import { backoffMachine } from './backoff.ts';
import { type ClientSettings, clientMachine } from './client.ts';
import { type DiscoInput, discoMachine } from './disco.ts';
import { type NegotiationInput, negotiationMachine } from './negotiation.ts';
import { type SaslInput, saslMachine } from './sasl.ts';
import { servicesMachine } from './services.ts';
import { streamMachine } from './stream.ts';

export { backoffMachine, clientMachine, discoMachine, negotiationMachine, saslMachine, servicesMachine, streamMachine };

/** The settings a client has when nothing is set. */
export const sampleSettings: ClientSettings = {
  domain: 'example.org',
  resource: null,
  tls: 'required',
  mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN'],
  bareLogin: false,
  asks: 1,
  negotiationTimeout: 60_000,
  shutdownTimeout: 5_000,
  backoff: { start: 1_000, factor: 1.2, cap: 60_000 },
  settle: 10_000,
  maxInitialAttempts: 4,
  allowImplicitReconnect: true,
  liveness: { idle: 60_000, answer: 60_000 },
  sm: { resume: true, max: null },
};

const sampleSasl: SaslInput = {
  offered: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN'],
  announced: null,
  bindings: ['tls-exporter'],
  preferred: sampleSettings.mechanisms,
  plain: true,
  asks: 3,
  timeout: 60_000,
  refusal: null,
};

const sampleNegotiation: NegotiationInput = {
  tls: 'required',
  security: null,
  mechanisms: sampleSettings.mechanisms,
  bareLogin: false,
  asks: 1,
  refusal: null,
  previd: null,
  freshAllowed: true,
  resource: null,
  sm: { resume: true, max: null },
  timeout: 60_000,
};

const sampleDisco: DiscoInput = { domain: 'example.org', timeout: 30_000, limit: 20 };

/** One entry of the catalogue. */
export interface CatalogueEntry {
  /** The machine. */
  readonly machine: AnyStateMachine;
  /** Inputs by a name for what is special about each. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** Every machine by its name. */
export const catalogue = {
  client: {
    machine: clientMachine,
    inputs: {
      default: { settings: sampleSettings },
      'no second session': { settings: { ...sampleSettings, allowImplicitReconnect: false } },
    },
  },
  stream: { machine: streamMachine, inputs: { default: { timeout: 60_000, shutdown: 5_000 } } },
  negotiation: {
    machine: negotiationMachine,
    inputs: {
      default: sampleNegotiation,
      resumption: { ...sampleNegotiation, previd: 'previous' },
      'resumption or nothing': { ...sampleNegotiation, previd: 'previous', freshAllowed: false },
      'without TLS': { ...sampleNegotiation, tls: 'off' },
    },
  },
  sasl: {
    machine: saslMachine,
    inputs: { default: sampleSasl, 'announced binding': { ...sampleSasl, announced: ['tls-exporter'] } },
  },
  backoff: {
    machine: backoffMachine,
    inputs: { default: { delay: 1_000, offline: false }, offline: { delay: 1_000, offline: true } },
  },
  services: { machine: servicesMachine, inputs: { default: {} } },
  disco: { machine: discoMachine, inputs: { default: sampleDisco } },
} satisfies Record<string, CatalogueEntry>;
