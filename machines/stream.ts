/**
 * One XML stream over one connection, from its header to its footer; never used twice.
 *
 * It knows nothing of features, authentication or stanzas. It decides when the header, a stream error and the footer are
 * written, how long the peer may take to answer them, and with what cause the stream ended. States only move forward;
 * `reset` after TLS and SASL is the single way back. RFC 6120 §4
 */
import { assign, setup } from 'xstate';
import type { Failure } from './failure.ts';
import type { StreamError, StreamEvent, WireCommand } from './wire.ts';

export interface StreamInput {
  /** Milliseconds to wait for the connection, and then for the peer's header. */
  readonly timeout: number;
  /** Milliseconds to wait for the peer's footer once ours is written. */
  readonly shutdown: number;
}

export interface StreamContext extends StreamInput {
  /** What a connection that does not come about is waiting for. */
  readonly stage: 'connect' | 'tls';
  /** Why the stream ended; null while it has not, and when it was simply asked to. */
  readonly cause: Failure | null;
}

/** Why the stream ended; no cause when its owner closed it without one. */
export interface StreamOutput {
  readonly cause: Failure | null;
}

export type StreamMachineEvent =
  | StreamEvent
  /** Start the stream anew on the same connection. RFC 6120 §4.3.3 */
  | { readonly type: 'reset' }
  /** End the stream in good order, telling the peer `error` if there is one. */
  | {
      readonly type: 'close';
      readonly failure: Failure | null;
      readonly error: StreamError | null;
      /** Milliseconds in place of `shutdown`. */
      readonly within?: number;
    }
  /** End it at once. */
  | { readonly type: 'abort'; readonly failure: Failure | null };

/** Milliseconds the connection itself may take to close once the stream is over on both sides. */
const LINGER = 1000;

const UNANSWERED = { kind: 'timeout', text: 'no answer in time', retry: 'backoff' } as const;

const headerFault = (fault: string | null): WireCommand => ({
  kind: 'error',
  error: { condition: fault ?? 'bad-format' },
});

/** One XML stream, from its header to its footer. RFC 6120 §4 */
export const streamMachine = setup({
  types: {
    context: {} as StreamContext,
    input: {} as StreamInput,
    events: {} as StreamMachineEvent,
    output: {} as StreamOutput,
  },
  actions: {
    write: (_, _command: WireCommand) => {},
    closeTransport: () => {},
    /** The cause that came with the event. */
    blame: assign(({ event }) => ('failure' in event ? { cause: event.failure } : {})),
    /** Whoever closes may be in more of a hurry than usual. */
    hurry: assign(({ event }) =>
      event.type === 'close' && event.within !== undefined ? { shutdown: event.within } : {},
    ),
    blameHeader: assign(({ event }) => ({
      cause: {
        kind: 'protocol',
        stage: 'stream',
        condition: event.type === 'stream.header' && event.fault !== null ? event.fault : 'bad-format',
        text: 'unacceptable stream header',
        retry: 'backoff',
      } as const,
    })),
    noteSecuring: assign({ stage: 'tls' }),
    blameConnecting: assign(({ context: { stage } }) => ({ cause: { ...UNANSWERED, stage } })),
    blameClock: assign({ cause: { ...UNANSWERED, stage: 'stream' } }),
  },
  guards: {
    acceptable: ({ event }) => event.type === 'stream.header' && event.fault === null,
    withoutError: ({ event }) => event.type === 'close' && event.error === null,
    withError: ({ event }) => event.type === 'close' && event.error !== null,
  },
  delays: {
    timeout: ({ context }) => context.timeout,
    shutdown: ({ context }) => context.shutdown,
    linger: LINGER,
  },
}).createMachine({
  id: 'stream',
  context: ({ input }) => ({ ...input, stage: 'connect', cause: null }),
  initial: 'READY',
  // The first cause is the cause: the closing states below answer these themselves, and blame nobody any more.
  on: {
    'transport.lost': { target: '.CLOSED', actions: 'blame' },
    abort: { target: '.CLOSED', actions: 'blame' },
  },
  states: {
    READY: {
      description: 'No connection yet.',
      meta: { spec: 'RFC 6120 §3' },
      on: {
        'transport.securing': { actions: 'noteSecuring' },
        'transport.connected': 'CONNECTED',
        close: { target: 'CLOSED', actions: 'blame' },
      },
      after: { timeout: { target: 'CLOSED', actions: 'blameConnecting' } },
    },
    CONNECTED: {
      description: 'A connection carries the stream.',
      initial: 'STREAM_HEADER_SENT',
      on: {
        'stream.error': { target: 'CLOSING', actions: 'blame' },
        'stream.violation': {
          target: 'CLOSING',
          actions: ['blame', { type: 'write', params: ({ event }) => ({ kind: 'error', error: event.error }) }],
        },
        'stream.footer': {
          target: 'CLOSING_STREAM_FOOTER_RECEIVED',
          actions: ['blame', { type: 'write', params: { kind: 'footer' } }],
        },
        'transport.ended': { target: 'CLOSING_STREAM_FOOTER_RECEIVED', actions: 'blame' },
        close: [
          {
            guard: 'withError',
            target: 'CLOSING',
            actions: [
              'blame',
              { type: 'write', params: ({ event }) => ({ kind: 'error', error: event.error as StreamError }) },
            ],
          },
          { target: 'CLOSING', actions: ['blame', 'hurry'] },
        ],
      },
      states: {
        STREAM_HEADER_SENT: {
          description: 'Our header is written; the peer owes its own.',
          meta: { spec: 'RFC 6120 §4.2' },
          entry: { type: 'write', params: { kind: 'header' } },
          on: {
            // A peer that has said nothing yet is not waited for.
            close: {
              guard: 'withoutError',
              target: '#stream.CLOSING_STREAM_FOOTER_RECEIVED',
              actions: ['blame', { type: 'write', params: { kind: 'footer' } }],
            },
            'stream.header': [
              { guard: 'acceptable', target: 'OPEN' },
              {
                target: '#stream.CLOSING',
                actions: ['blameHeader', { type: 'write', params: ({ event }) => headerFault(event.fault) }],
              },
            ],
          },
          after: { timeout: { target: '#stream.CLOSING', actions: 'blameClock' } },
        },
        OPEN: {
          description: 'Both headers are through.',
          meta: { spec: 'RFC 6120 §4.2' },
          on: { reset: 'STREAM_HEADER_SENT' },
        },
      },
    },
    CLOSING: {
      description: 'Our footer is written; the peer owes its own.',
      meta: { spec: 'RFC 6120 §4.4' },
      entry: { type: 'write', params: { kind: 'footer' } },
      on: {
        'stream.footer': 'CLOSING_STREAM_FOOTER_RECEIVED',
        'transport.ended': 'CLOSING_STREAM_FOOTER_RECEIVED',
        'transport.lost': 'CLOSED',
        abort: 'CLOSED',
      },
      after: { shutdown: 'CLOSED' },
    },
    CLOSING_STREAM_FOOTER_RECEIVED: {
      description: 'The stream is over on both sides; the connection is closing.',
      meta: { spec: 'RFC 6120 §4.4' },
      entry: 'closeTransport',
      on: { 'transport.lost': 'CLOSED', abort: 'CLOSED' },
      after: { linger: 'CLOSED' },
    },
    CLOSED: {
      description: 'Nothing more can happen here.',
      type: 'final',
    },
  },
  output: ({ context }) => ({ cause: context.cause }),
});
