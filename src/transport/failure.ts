/** From whatever Node or a hook rejected with to the one failure type. Decided by class and code, never by a message. */
import type { Cause, Failure, FailureKind, Stage } from '../../machines/failure.ts';
import { ResolveError } from './resolver.ts';
import { isTlsCode, TlsError } from './tls.ts';

interface Details {
  readonly code: string | undefined;
  readonly syscall: string | undefined;
}

/** What `net` reports about a broken connection without naming a system call. */
const BROKEN = new Set([
  'ECONNRESET',
  'EPIPE',
  'ERR_SOCKET_CLOSED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_WRITE_AFTER_END',
]);

const TIMED_OUT = new Set(['ETIMEDOUT', 'ERR_SOCKET_CONNECTION_TIMEOUT']);

/** What an error without any mark of its own most likely is, at the stages where a hook of the application may run. */
const USUAL: Partial<Record<Stage, FailureKind>> = { resolve: 'dns', connect: 'network', tls: 'tls' };

function detailsOf(error: unknown): Details {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  return {
    code: typeof code === 'string' ? code : undefined,
    syscall: typeof syscall === 'string' ? syscall : undefined,
  };
}

/** The error as plain data: its name, message and code. */
export function causeOf(error: unknown): Cause {
  if (!(error instanceof Error)) return { name: 'Error', message: 'something that is no Error was thrown' };
  const { code } = detailsOf(error);
  return { name: error.name, message: error.message, ...(code === undefined ? {} : { code }) };
}

/** The error that tells most: of a failed race between addresses the last, of our own wrappers what they wrap. */
function rootOf(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors.at(-1));
  if (error instanceof ResolveError && error.cause !== undefined) return error.cause;
  return error;
}

function kindOf(error: unknown, stage: Stage): FailureKind {
  const name = error instanceof Error ? error.name : undefined;
  if (name === 'AbortError') return 'aborted';
  if (name === 'TimeoutError') return 'timeout';
  const { code, syscall } = detailsOf(error);
  if (error instanceof TlsError || isTlsCode(code)) return 'tls';
  if (code !== undefined && TIMED_OUT.has(code)) return 'timeout';
  if (syscall === 'getaddrinfo' || syscall?.startsWith('query')) return 'dns';
  if (syscall !== undefined || (code !== undefined && BROKEN.has(code))) return 'network';
  return USUAL[stage] ?? 'internal';
}

/**
 * Classifies an error of resolving, connecting, securing or of a connection that broke.
 *
 * - `no-xmpp` is for ever; a certificate or a TLS option waits for a person; everything else is worth another try
 * - an abort by signal is `aborted`, one by `AbortSignal.timeout` is `timeout`
 *
 * @param error what was thrown.
 * @param stage where in the life of the connection.
 */
export function failureOf(error: unknown, stage: Stage): Failure {
  if (error instanceof ResolveError) {
    const retry = error.code === 'no-xmpp' ? 'never' : 'backoff';
    return { kind: 'dns', stage, condition: error.code, text: error.message, retry, cause: causeOf(rootOf(error)) };
  }
  const root = rootOf(error);
  const cause = causeOf(root);
  if (root instanceof TlsError) {
    const retry = root.about === 'handshake' ? 'backoff' : 'user';
    return { kind: 'tls', stage, condition: root.about, retry, cause };
  }
  return { kind: kindOf(root, stage), stage, retry: 'backoff', cause };
}
