import * as assert from 'uvu/assert';
import type { Stage } from '../../machines/failure.ts';
import { failureOf } from '../../src/transport/failure.ts';
import { ResolveError } from '../../src/transport/resolver.ts';
import { TlsError } from '../../src/transport/tls.ts';
import { suite } from '../harness.ts';

const coded = (code: string, syscall?: string) =>
  Object.assign(new Error('words'), { code }, syscall === undefined ? {} : { syscall });

const verdict = (error: unknown, stage: Stage = 'connect') => {
  const { kind, retry } = failureOf(error, stage);
  return `${kind} ${retry}`;
};

const test = suite('failureOf');

test('sorts the errors of the system by code and system call', () => {
  const rows: [unknown, string][] = [
    [coded('ECONNREFUSED', 'connect'), 'network backoff'],
    [coded('EHOSTUNREACH', 'connect'), 'network backoff'],
    [coded('ENETUNREACH', 'connect'), 'network backoff'],
    [coded('ECONNRESET', 'read'), 'network backoff'],
    [coded('ETIMEDOUT', 'connect'), 'timeout backoff'],
    [coded('ERR_SOCKET_CONNECTION_TIMEOUT'), 'timeout backoff'],
    [coded('ENOTFOUND', 'getaddrinfo'), 'dns backoff'],
    [coded('EAI_AGAIN', 'getaddrinfo'), 'dns backoff'],
    [coded('ESERVFAIL', 'querySrv'), 'dns backoff'],
    [coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'tls backoff'],
    [coded('EPROTO', 'write'), 'tls backoff'],
  ];
  for (const [error, expected] of rows) {
    assert.is(verdict(error, 'online'), expected, (error as { code: string }).code);
  }
});

test('knows a broken stream without a system call', () => {
  for (const code of ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED']) {
    assert.is(verdict(coded(code), 'stream'), 'network backoff', code);
  }
});

test('has a certificate or an option wait for a person', () => {
  assert.is(verdict(new TlsError('certificate', coded('CERT_HAS_EXPIRED')), 'tls'), 'tls user');
  assert.is(verdict(new TlsError('options', coded('ERR_OSSL_PEM_NO_START_LINE')), 'tls'), 'tls user');
  assert.is(verdict(new TlsError('handshake', coded('ERR_SSL_UNSUPPORTED_PROTOCOL')), 'tls'), 'tls backoff');
  const failure = failureOf(new TlsError('certificate', coded('CERT_HAS_EXPIRED')), 'tls');
  assert.is(failure.condition, 'certificate');
  assert.equal(failure.cause, { name: 'TlsError', message: 'words', code: 'CERT_HAS_EXPIRED' });
});

test('tells a domain without XMPP from name servers in trouble', () => {
  assert.equal(failureOf(new ResolveError('no-xmpp', 'example.org'), 'resolve'), {
    kind: 'dns',
    stage: 'resolve',
    condition: 'no-xmpp',
    text: 'example.org offers no XMPP service to clients',
    retry: 'never',
    cause: { name: 'ResolveError', message: 'example.org offers no XMPP service to clients', code: 'no-xmpp' },
  });
  assert.equal(failureOf(new ResolveError('dns', 'example.org', coded('ETIMEOUT', 'querySrv')), 'resolve'), {
    kind: 'dns',
    stage: 'resolve',
    condition: 'dns',
    text: 'DNS trouble with example.org',
    retry: 'backoff',
    cause: { name: 'Error', message: 'words', code: 'ETIMEOUT' },
  });
});

test('looks into the aggregate of a failed race between addresses', () => {
  const race = new AggregateError([coded('ENETUNREACH', 'connect'), coded('ECONNREFUSED', 'connect')]);
  assert.equal(failureOf(race, 'connect'), {
    kind: 'network',
    stage: 'connect',
    retry: 'backoff',
    cause: { name: 'Error', message: 'words', code: 'ECONNREFUSED' },
  });
  assert.is(verdict(new AggregateError([])), 'network backoff');
});

test('tells an abort from a time limit', () => {
  assert.is(verdict(AbortSignal.abort().reason), 'aborted backoff');
  assert.is(verdict(new DOMException('late', 'TimeoutError')), 'timeout backoff');
});

test('takes what a hook threw for what its stage is about, and the rest for a defect', () => {
  assert.is(verdict(new Error('407'), 'connect'), 'network backoff');
  assert.is(verdict(new TypeError('fetch failed'), 'resolve'), 'dns backoff');
  assert.is(verdict('text', 'connect'), 'network backoff');
  assert.is(verdict(undefined, 'stream'), 'internal backoff');
  assert.is(verdict(new Error('bug'), 'online'), 'internal backoff');
});

test('decides nothing by words', () => {
  assert.is(verdict(new Error('ECONNREFUSED certificate has expired ETIMEDOUT'), 'online'), 'internal backoff');
});

test('is plain data', () => {
  for (const error of [coded('ECONNREFUSED', 'connect'), { secret: 'hunter2' }, 'hunter2', null]) {
    const failure = failureOf(error, 'online');
    assert.equal(JSON.parse(JSON.stringify(failure)), failure);
    assert.not.match(JSON.stringify(failure), 'hunter2');
  }
});

test.run();
