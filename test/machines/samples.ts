/** Values that the tests of several charts use. */
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Failure, FailureKind, Retry } from '../../machines/failure.ts';
import type { Choice } from '../../machines/sasl.ts';
import type { Features, Security, Ticket } from '../../machines/wire.ts';

/** A failure of a kind; `more` says what is special about it. */
export const failure = (kind: FailureKind, retry: Retry = 'backoff', more: Partial<Failure> = {}): Failure =>
  ({ kind, stage: 'online', retry, ...more }) as Failure;

export const reset = failure('network');

export const security: Security = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  alpn: null,
  bindings: ['tls-exporter'],
  certificate: null,
};

export const choice: Choice = { mechanism: 'SCRAM-SHA-256', binding: null, gs2: 'y', wager: false };

export const ticket: Ticket = { id: 'previous', max: 300, location: null };

/** Features of which all but the given are absent. */
export const features = (some: Partial<Features> = {}): Features => ({
  starttls: null,
  mechanisms: [],
  bindings: null,
  bind: false,
  sm: false,
  session: null,
  all: [],
  ...some,
});

/** A place to connect to. */
export const endpoint = (host: string): Endpoint => ({ host, port: 5222, tls: 'starttls', source: 'srv' });

/** What a failure has become at a host. */
export const at = (host: string, failed: Failure): Failure => ({ ...failed, endpoint: endpoint(host) });

/** The server ends the stream without an error. */
export const FOOTER = {
  type: 'stream.footer',
  failure: { kind: 'stream', stage: 'online', text: 'closed by the server', retry: 'backoff' },
} as const;

/** The server ends the connection without a word. */
export const ENDED = {
  type: 'transport.ended',
  failure: { kind: 'network', stage: 'online', text: 'the connection ended without a word', retry: 'backoff' },
} as const;
