/**
 * From the first features of a stream to a session: TLS, SASL, resumption, resource binding, stream management and the
 * legacy session, in the order that RFC 6120 §4.3 and XEP-0198 ask for.
 *
 * There is one place of decision, `choosing`, which is entered once for every features element. Each step that waits for
 * the server has a deadline of its own. It ends `bound`, `resumed` or `refused`, and never throws.
 */
import { assign, sendTo, setup } from 'xstate';
import type { Failure, Stage } from './failure.ts';
import { type Choice, type SaslOutput, saslMachine } from './sasl.ts';
import type { Features, NegotiationEvent, Security, StreamError, Ticket, WireCommand } from './wire.ts';

/** How far encryption may be given up. */
export type TlsPolicy = 'required' | 'optional' | 'off';

export interface NegotiationInput {
  readonly tls: TlsPolicy;
  /** What is known of the encryption already there (direct TLS), or null. */
  readonly security: Security | null;
  /** The mechanisms we would use, strongest first. */
  readonly mechanisms: readonly string[];
  /** PLAIN may be used on a stream that is not encrypted. */
  readonly bareLogin: boolean;
  /** How often the application may be asked for credentials on one stream. */
  readonly asks: number;
  /** Why the attempt before this one was refused. */
  readonly refusal: Failure | null;
  /** The id of the session to resume, or null. XEP-0198 §5 */
  readonly previd: string | null;
  /** A new session may take the place of one that cannot be resumed. */
  readonly freshAllowed: boolean;
  /** The resource to ask for; null lets the server choose. */
  readonly resource: string | null;
  /** What to ask of stream management; null does without. */
  readonly sm: { readonly resume: boolean; readonly max: number | null } | null;
  /** Milliseconds each step may take. */
  readonly timeout: number;
}

export interface NegotiationContext extends NegotiationInput {
  readonly features: Features | null;
  /** How the server came to trust us; null until it does. */
  readonly choice: Choice | null;
  readonly jid: string | null;
  readonly ticket: Ticket | null;
  readonly failure: Failure | null;
}

/** How far the stream was secured and by what we are known to the server. */
export interface Trust {
  /** How the connection is encrypted; null while it is not. */
  readonly security: Security | null;
  /** The SASL mechanism, once authenticated. RFC 6120 §6 */
  readonly mechanism: string | null;
  /** The type of channel binding that it used; null for none. RFC 5056 */
  readonly binding: string | null;
}

export type NegotiationOutput =
  | {
      readonly type: 'bound';
      readonly jid: string;
      readonly ticket: Ticket | null;
      readonly features: Features;
      readonly trust: Trust;
    }
  | { readonly type: 'resumed'; readonly features: Features; readonly trust: Trust }
  /** `error` is the stream error that the server should be told, if any. */
  | { readonly type: 'refused'; readonly failure: Failure; readonly error: StreamError | null };

const trust = (context: NegotiationContext): Trust => ({
  security: context.security,
  mechanism: context.choice?.mechanism ?? null,
  binding: context.choice?.binding ?? null,
});

const offers = (context: NegotiationContext) => context.features as Features;
const mayTls = (context: NegotiationContext) => context.security === null && context.tls !== 'off';

/** From the first features to a session: TLS, SASL, resumption or binding, stream management. RFC 6120, XEP-0198 */
export const negotiationMachine = setup({
  types: {
    context: {} as NegotiationContext,
    input: {} as NegotiationInput,
    events: {} as NegotiationEvent,
    output: {} as NegotiationOutput,
    tags: {} as Stage,
  },
  actors: { sasl: saslMachine },
  actions: {
    write: (_, _command: WireCommand) => {},
    /** Begin the TLS handshake on the connection. */
    secure: () => {},
    /** Start the stream anew. RFC 6120 §4.3.3 */
    restart: () => {},
    noteFeatures: assign(({ event }) => (event.type === 'features' ? { features: event.features } : {})),
    noteSecurity: assign(({ event }) => (event.type === 'tls.secured' ? { security: event.security } : {})),
    noteChoice: assign((_, params: { output: SaslOutput }) =>
      params.output.type === 'authenticated' ? { choice: params.output.choice } : {},
    ),
    noteJid: assign(({ event }) => (event.type === 'bind.result' ? { jid: event.jid } : {})),
    noteTicket: assign(({ event }) => (event.type === 'sm.enabled' ? { ticket: event.ticket } : {})),
    forgetSession: assign({ previd: null }),
    tellSasl: sendTo('sasl', ({ event }) => event as never),
    blame: assign((_, params: { failure: Failure }) => ({ failure: params.failure })),
    blameServer: assign(({ event }) => ('failure' in event ? { failure: event.failure } : {})),
    blameClock: assign((_, params: { stage: Stage }) => ({
      failure: { kind: 'timeout', stage: params.stage, text: 'no answer in time', retry: 'backoff' } as const,
    })),
  },
  guards: {
    startTls: ({ context }) => mayTls(context) && offers(context).starttls !== null,
    bareRefused: ({ context }) => mayTls(context) && context.tls === 'required',
    tlsDemanded: ({ context }) => context.security === null && offers(context).starttls === 'required',
    notAuthenticated: ({ context }) => context.choice === null,
    mayResume: ({ context }) => context.previd !== null && offers(context).sm,
    mustResume: ({ context }) => context.previd !== null && !context.freshAllowed,
    mayBind: ({ context }) => offers(context).bind,
    authenticated: (_, params: { output: SaslOutput }) => params.output.type === 'authenticated',
    ourSession: ({ context, event }) => event.type === 'sm.resumed' && event.previd === context.previd,
    freshAllowed: ({ context }) => context.freshAllowed,
    wantsSm: ({ context }) => context.sm !== null && offers(context).sm,
    wantsSession: ({ context }) => offers(context).session === 'required',
  },
  delays: {
    step: ({ context }) => context.timeout,
  },
}).createMachine({
  id: 'negotiation',
  context: ({ input }) => ({ ...input, features: null, choice: null, jid: null, ticket: null, failure: null }),
  initial: 'awaiting',
  states: {
    awaiting: {
      description: 'The stream is open; the server owes its features.',
      meta: { spec: 'RFC 6120 §4.3.2' },
      tags: 'stream',
      on: { features: { target: 'choosing', actions: 'noteFeatures' } },
      after: { step: { target: 'refused', actions: { type: 'blameClock', params: { stage: 'stream' } } } },
    },
    choosing: {
      description: 'Which feature comes next?',
      meta: { spec: 'RFC 6120 §4.3.5' },
      always: [
        { guard: 'startTls', target: 'securing' },
        {
          guard: 'bareRefused',
          target: 'refused',
          actions: { type: 'blame', params: { failure: policy('TLS is required here and the server offers none') } },
        },
        {
          guard: 'tlsDemanded',
          target: 'refused',
          actions: {
            type: 'blame',
            params: { failure: policy('the server requires TLS, which is switched off here') },
          },
        },
        { guard: 'notAuthenticated', target: 'authenticating' },
        { guard: 'mayResume', target: 'resuming' },
        {
          guard: 'mustResume',
          target: 'refused',
          actions: { type: 'blame', params: { failure: sessionLost('the server no longer offers resumption') } },
        },
        { guard: 'mayBind', target: 'binding' },
        {
          target: 'refused',
          actions: {
            type: 'blame',
            params: {
              failure: { kind: 'protocol', stage: 'bind', text: 'the server offers no binding', retry: 'backoff' },
            },
          },
        },
      ],
    },
    securing: {
      description: 'STARTTLS: asked for, then shaken hands on.',
      meta: { spec: 'RFC 6120 §5.4' },
      tags: 'tls',
      initial: 'requesting',
      states: {
        requesting: {
          description: 'Everything after <proceed/> is TLS.',
          entry: { type: 'write', params: { kind: 'starttls' } },
          on: {
            'starttls.proceed': 'handshaking',
            'starttls.failure': {
              target: '#negotiation.refused',
              actions: {
                type: 'blame',
                params: {
                  failure: { kind: 'tls', stage: 'tls', text: 'the server refused STARTTLS', retry: 'backoff' },
                },
              },
            },
          },
        },
        handshaking: {
          description: "The certificate has to be the JID's domain's.",
          meta: { spec: 'RFC 7590, RFC 9525' },
          entry: 'secure',
          on: {
            'tls.secured': { target: '#negotiation.awaiting', actions: ['noteSecurity', 'restart'] },
            'tls.failed': { target: '#negotiation.refused', actions: 'blameServer' },
          },
        },
      },
      after: { step: { target: 'refused', actions: { type: 'blameClock', params: { stage: 'tls' } } } },
    },
    authenticating: {
      description: 'SASL, as a machine of its own.',
      meta: { spec: 'RFC 6120 §6' },
      tags: 'auth',
      invoke: {
        id: 'sasl',
        src: 'sasl',
        input: ({ context }) => ({
          offered: offers(context).mechanisms,
          announced: offers(context).bindings,
          bindings: context.security?.bindings ?? [],
          preferred: context.mechanisms,
          plain: context.security !== null || context.bareLogin,
          asks: context.asks,
          timeout: context.timeout,
          refusal: context.refusal,
        }),
        onDone: [
          {
            guard: { type: 'authenticated', params: ({ event }) => ({ output: event.output }) },
            target: 'awaiting',
            actions: [{ type: 'noteChoice', params: ({ event }) => ({ output: event.output }) }, 'restart'],
          },
          {
            target: 'refused',
            actions: { type: 'blame', params: ({ event }) => ({ failure: saslFailure(event.output) }) },
          },
        ],
      },
      on: { 'sasl.*': { actions: 'tellSasl' } },
    },
    resuming: {
      description: 'The session is asked back.',
      meta: { spec: 'XEP-0198 §5' },
      tags: 'resume',
      entry: { type: 'write', params: ({ context }) => ({ kind: 'resume', previd: context.previd as string }) },
      on: {
        'sm.resumed': [
          { guard: 'ourSession', target: 'resumed' },
          {
            target: 'refused',
            actions: {
              type: 'blame',
              params: {
                failure: { kind: 'protocol', stage: 'resume', text: 'another session was resumed', retry: 'backoff' },
              },
            },
          },
        ],
        'sm.failed': [
          { guard: 'freshAllowed', target: 'binding' },
          {
            target: 'refused',
            actions: { type: 'blame', params: { failure: sessionLost('the server refused to resume the session') } },
          },
        ],
      },
      after: { step: { target: 'refused', actions: { type: 'blameClock', params: { stage: 'resume' } } } },
    },
    binding: {
      description: 'A resource makes a session.',
      meta: { spec: 'RFC 6120 §7' },
      tags: 'bind',
      entry: [
        'forgetSession',
        { type: 'write', params: ({ context }) => ({ kind: 'bind', resource: context.resource }) },
      ],
      on: {
        'bind.result': [
          { guard: 'wantsSm', target: 'enabling', actions: 'noteJid' },
          { guard: 'wantsSession', target: 'establishing', actions: 'noteJid' },
          { target: 'bound', actions: 'noteJid' },
        ],
        'bind.error': { target: 'refused', actions: 'blameServer' },
      },
      after: { step: { target: 'refused', actions: { type: 'blameClock', params: { stage: 'bind' } } } },
    },
    enabling: {
      description: 'Stream management is switched on, if the server agrees.',
      meta: { spec: 'XEP-0198 §3' },
      tags: 'enable',
      entry: {
        type: 'write',
        params: ({ context }) => ({
          kind: 'enable',
          resume: context.sm?.resume ?? false,
          max: context.sm?.max ?? null,
        }),
      },
      on: {
        'sm.enabled': [
          { guard: 'wantsSession', target: 'establishing', actions: 'noteTicket' },
          { target: 'bound', actions: 'noteTicket' },
        ],
        'sm.failed': [{ guard: 'wantsSession', target: 'establishing' }, { target: 'bound' }],
      },
      after: { step: { target: 'refused', actions: { type: 'blameClock', params: { stage: 'enable' } } } },
    },
    establishing: {
      description: 'The session request that old servers insist on.',
      meta: { spec: 'RFC 3921 §3' },
      tags: 'session',
      entry: { type: 'write', params: { kind: 'session' } },
      on: {
        'legacy.result': 'bound',
        'legacy.error': { target: 'refused', actions: 'blameServer' },
      },
      after: { step: { target: 'refused', actions: { type: 'blameClock', params: { stage: 'session' } } } },
    },
    bound: {
      description: 'A new session.',
      type: 'final',
      output: ({ context }) =>
        ({
          type: 'bound',
          jid: context.jid as string,
          ticket: context.ticket,
          features: offers(context),
          trust: trust(context),
        }) as const,
    },
    resumed: {
      description: 'The session goes on where it was.',
      type: 'final',
      output: ({ context }) => ({ type: 'resumed', features: offers(context), trust: trust(context) }) as const,
    },
    refused: {
      description: 'Not on this connection.',
      type: 'final',
      meta: { sink: true },
      output: ({ context }) => ({
        type: 'refused' as const,
        failure: context.failure as Failure,
        error: farewell(context.failure as Failure),
      }),
    },
  },
  output: ({ event }) => (event as unknown as { output: NegotiationOutput }).output,
});

function policy(text: string): Failure {
  return { kind: 'policy', stage: 'tls', condition: 'policy-violation', text, retry: 'user' };
}

function sessionLost(text: string): Failure {
  return { kind: 'session', stage: 'resume', text, retry: 'user' };
}

function saslFailure(output: SaslOutput): Failure {
  if (output.type === 'failed') return output.failure;
  return { kind: 'internal', stage: 'auth', text: 'authenticated and refused at once', retry: 'never' };
}

/** The stream error that fits a refusal of ours; a refusal by the server needs none. */
function farewell(failure: Failure): StreamError | null {
  if (failure.kind === 'policy' || failure.condition === 'no-mechanism') return { condition: 'policy-violation' };
  if (failure.kind === 'timeout') return { condition: 'connection-timeout' };
  return null;
}
