/** Where a client connects to, and what becomes of it when that is the wrong place. */
import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import {
  type Client,
  type ClientOptions,
  ConnectionError,
  type Endpoint,
  type EndpointOption,
  el,
  type Failure,
  type SrvRecord,
} from '../../src/index.ts';
import { sharedCertificates } from '../../src/testing/certificates.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { asked, NS, online, sm } from './dialogue.ts';
import { type Rig, type Subject, sleep, sockets } from './rig.ts';

const test = sockets('sockets/resolution');

/** Unlike `localhost`, a domain that has DNS records. */
const DOMAIN = 'xmpp.test';
const AT_DOMAIN = { jid: `romeo@${DOMAIN}`, endpoints: [] };

/** A place where nobody listens. */
const dead = (port: number): EndpointOption => ({ host: '127.0.0.1', port });

/** One place after the other, as `source:port`. */
const places = ({ dialed }: Subject) => dialed.map(({ source, port }) => `${source}:${port}`);

const refusal = async (client: Client): Promise<ConnectionError> => {
  const error = await client.start().catch((error) => error);
  assert.instance(error, ConnectionError);
  return error;
};

/** The ports of a failed sweep, in the order tried. */
const portsOf = ({ attempts = [] }: Failure) => attempts.map(({ endpoint }) => endpoint?.port);

type Zone = Readonly<Record<string, readonly SrvRecord[] | string>>;

/** Name servers that know a zone: records by name, or the code of an error. */
function dns(zone: Zone) {
  const queries: string[] = [];
  const resolveSrv = async (name: string) => {
    queries.push(name);
    const answer = zone[name] ?? 'ENOTFOUND';
    if (typeof answer === 'string') throw Object.assign(new Error(answer), { code: answer, syscall: 'querySrv' });
    return answer;
  };
  return { queries, resolveSrv };
}

const STARTTLS = `_xmpp-client._tcp.${DOMAIN}`;
const DIRECT = `_xmpps-client._tcp.${DOMAIN}`;

const srv = (priority: number, port: number, weight = 0): SrvRecord => ({ name: '127.0.0.1', port, priority, weight });
const NOT_HERE: SrvRecord = { name: '.', port: 0, priority: 0, weight: 0 };

/** A client of the domain with these records, on its server. */
async function inZone(rig: Rig, zone: (ports: { port: number; directPort: number }) => Zone, options = {}) {
  const server = await rig.server({ domain: DOMAIN });
  const names = dns(zone(server));
  const subject = rig.client(server, { ...AT_DOMAIN, resolveSrv: names.resolveSrv, ...options });
  return { ...subject, ...names, server };
}

test('N-05, N-11, N-75: endpoints in their order, and no question to DNS', async (rig) => {
  const server = await rig.server({ domain: DOMAIN });
  const { queries, resolveSrv } = dns({});
  const endpoints = [dead(1), { host: '127.0.0.1', port: server.port }, dead(2)];
  const subject = await rig.online(server, { ...AT_DOMAIN, endpoints, resolveSrv });
  assert.equal(places(subject), ['application:1', `application:${server.port}`]);
  assert.equal(queries, []);
  assert.equal(subject.client.getSnapshot().endpoint?.port, server.port);
});

test('N-25, X-13: endpoints are asked for anew at every attempt', async (rig) => {
  const server = await rig.server();
  const asked: { domain: string; aborted: boolean }[] = [];
  const answers = [[dead(1)], [], [server.endpoint]];
  const subject = await rig.online(server, {
    endpoints: async ({ domain, signal }) => {
      asked.push({ domain, aborted: signal.aborted });
      return answers.shift() ?? [server.endpoint];
    },
  });
  const once = { domain: 'localhost', aborted: false };
  assert.equal(asked, [once, once, once]);
  assert.equal(
    places(subject).filter((place) => !place.startsWith('fallback')),
    ['application:1', `application:${server.port}`],
  );
});

test('endpoints that cannot be named are a failure of their own', async (rig) => {
  const server = await rig.server();
  const { client } = rig.client(server, {
    endpoints: async () => {
      throw new Error('the directory is down');
    },
  });
  const { failure } = await refusal(client);
  assert.is(failure.kind, 'dns');
  assert.is(failure.stage, 'resolve');
  assert.is(failure.condition, 'endpoints');
  assert.match(JSON.stringify(failure), 'the directory is down');
});

test('endpoints that cannot be named do not keep the client from asking DNS', async (rig) => {
  const { client, ...subject } = await inZone(rig, ({ port }) => ({ [STARTTLS]: [srv(0, port)] }), {
    endpoints: () => {
      throw new Error('no idea');
    },
  });
  await client.start();
  assert.is(subject.dialed[0]?.source, 'srv');
});

test('stop while endpoints are asked for aborts the question', async (rig) => {
  const server = await rig.server();
  let signal: AbortSignal | undefined;
  const asked = new Promise<void>((resolve) => {
    const { client } = rig.client(server, {
      endpoints: (request) => {
        signal = request.signal;
        resolve(client.stop());
        return new Promise(() => {});
      },
    });
    client.start();
  });
  await asked;
  assert.ok(signal?.aborted);
});

test('N-25, N-75: the location of the session, then endpoints, then discovery', async (rig) => {
  const server = await rig.server({ domain: DOMAIN, sm: { location: '127.0.0.1:3' } });
  const { queries, resolveSrv } = dns({ [STARTTLS]: [srv(0, 4)] });
  const endpoints = [server.endpoint];
  const subject = await rig.online(server, { ...AT_DOMAIN, endpoints, resolveSrv });
  server.down();
  await subject.journal.until('waiting 2 network');
  assert.equal(places(subject).slice(1), ['location:3', `application:${server.port}`, 'srv:4']);
  assert.equal(queries, [STARTTLS, DIRECT]);
});

for (const tls of ['starttls', 'direct'] as const) {
  test(`E-31: the location of a session that began with ${tls} is reached with it`, async (rig) => {
    const server = await rig.server();
    const { [tls]: endpoint } = { starttls: server.endpoint, direct: server.directEndpoint };
    server.configure({ sm: { location: `127.0.0.1:${endpoint.port}` } });
    const { journal, dialed } = await rig.online(server, { endpoints: [endpoint] });
    server.drop('rst');
    await journal.until('online again');
    assert.equal(dialed.at(-1), { ...endpoint, source: 'location' } satisfies Endpoint);
  });
}

test('a location that cannot be read is none, and no reason to hammer', async (rig) => {
  const server = await rig.server({ sm: { location: '[127.0.0.1::5222' } });
  const { journal, dialed } = await rig.online(server);
  server.drop('rst');
  await journal.until('online again');
  assert.equal(dialed, [server.endpoint, server.endpoint]);
});

test('X-21a, X-26a, X-28a, N-67, N-68, N-70, N-72: records of both kinds, by priority', async (rig) => {
  const { client, queries, ...subject } = await inZone(rig, ({ directPort }) => ({
    [STARTTLS]: [srv(30, 4), srv(10, 1)],
    [DIRECT]: [srv(25, directPort), srv(20, 2)],
  }));
  await client.start();
  const tried = subject.dialed.map(({ port, tls }) => [port, tls]);
  assert.equal(tried, [
    [1, 'starttls'],
    [2, 'direct'],
    [subject.server.directPort, 'direct'],
  ]);
  assert.equal(queries, [STARTTLS, DIRECT]);
});

for (const [random, first] of [
  [0.1, 1],
  [0.9, 2],
] as const) {
  test(`N-72: ${random} of the weight of one priority is port ${first}`, async (rig) => {
    const { client, dialed } = await inZone(
      rig,
      ({ port }) => ({ [STARTTLS]: [srv(1, 1, 50), srv(1, 2, 50), srv(2, port)] }),
      { random: () => random },
    );
    await client.start();
    assert.is(dialed[0]?.port, first);
    assert.is(dialed.length, 3);
  });
}

for (const [name, zone] of [
  ['both services', { [STARTTLS]: [NOT_HERE], [DIRECT]: [NOT_HERE] }],
  ['one service, and has no record of the other', { [STARTTLS]: [NOT_HERE] }],
] as const) {
  test(`N-69, N-77: a domain that declines ${name} has no XMPP, and is not asked again`, async (rig) => {
    const { client, journal, dialed } = await inZone(rig, () => zone);
    const { failure } = await refusal(client);
    assert.equal([failure.kind, failure.condition, failure.retry], ['dns', 'no-xmpp', 'never']);
    assert.equal(journal.read(), ['failure no-xmpp']);
    assert.equal(dialed, []);
  });
}

test('N-69: a domain that declines STARTTLS alone', async (rig) => {
  const zone = ({ directPort }: { directPort: number }) => ({ [STARTTLS]: [NOT_HERE], [DIRECT]: [srv(0, directPort)] });
  const { client, dialed } = await inZone(rig, zone);
  await client.start();
  assert.equal(
    dialed.map(({ tls }) => tls),
    ['direct'],
  );
});

test('N-71, X-26b: no records, hence the port of XMPP at the domain itself', async (rig) => {
  const { client, dialed } = await inZone(rig, () => ({}), { maxInitialAttempts: 1 });
  const { failure } = await refusal(client);
  const fallback: Endpoint = { host: DOMAIN, port: 5222, tls: 'starttls', source: 'fallback' };
  assert.equal(dialed, [fallback]);
  assert.equal(failure.endpoint, fallback);
});

test('name servers in trouble are a matter of time', async (rig) => {
  const zone: Record<string, readonly SrvRecord[] | string> = { [STARTTLS]: 'ESERVFAIL', [DIRECT]: 'ESERVFAIL' };
  const { client, journal, dialed, server } = await inZone(rig, () => zone);
  const started = client.start();
  await journal.until('waiting 1 dns');
  assert.is(client.getSnapshot().failure?.cause?.code, 'ESERVFAIL');
  assert.equal(dialed, []);
  zone[STARTTLS] = [srv(0, server.port)];
  await started;
});

test('N-79: a failed sweep says what every endpoint failed with, in the order tried', async (rig) => {
  const server = await rig.server();
  const { client } = rig.client(server, { endpoints: [dead(3), dead(1), dead(2)], maxInitialAttempts: 1 });
  const { failure, cause } = await refusal(client);
  assert.instance(cause, AggregateError);
  assert.equal(
    (cause as AggregateError).errors.map(({ failure, cause }) => [failure.endpoint.port, cause.code]),
    [
      [3, 'ECONNREFUSED'],
      [1, 'ECONNREFUSED'],
      [2, 'ECONNREFUSED'],
      [5222, undefined],
    ],
  );
  assert.equal(portsOf(failure), [3, 1, 2, 5222]);
  assert.is(failure.endpoint?.port, 3);
  assert.is(failure.kind, 'network');
});

test('N-79: a single endpoint is no sweep', async (rig) => {
  const { client } = await inZone(rig, () => ({ [STARTTLS]: [srv(0, 1)] }), { maxInitialAttempts: 1 });
  const { failure, cause } = await refusal(client);
  assert.is(failure.attempts, undefined);
  assert.is((cause as { code?: string }).code, 'ECONNREFUSED');
});

/** A server whose certificate is another's. */
async function impostor(rig: Rig) {
  const certificates = await sharedCertificates();
  return rig.server({ identity: certificates.issue({ names: ['elsewhere.test'] }) });
}

test('N-80: trouble with TLS comes before any other', async (rig) => {
  const server = await impostor(rig);
  const { client, journal } = rig.client(server, { endpoints: [dead(1), server.endpoint, dead(2)] });
  const { failure, cause } = await refusal(client);
  assert.is(failure.kind, 'tls');
  assert.is(failure.endpoint?.port, server.port);
  assert.equal(portsOf(failure), [1, server.port, 2, 5222]);
  assert.instance(cause, AggregateError);
  assert.equal(journal.read(), [`failure ${failure.condition}`]);
});

test('N-80: trouble with TLS is nothing while another endpoint is left', async (rig) => {
  const [bad, good] = [await impostor(rig), await rig.server()];
  const subject = await rig.online(good, { endpoints: [bad.endpoint, good.endpoint] });
  assert.is(subject.dialed.length, 2);
  assert.is(subject.client.getSnapshot().failure, null);
});

const ODD = { mechanisms: ['PLAIN'] };
const SCRAM_ONLY = { mechanisms: ['SCRAM-SHA-256'] };

test('E-23: no mechanism in common, hence the next endpoint', async (rig) => {
  const [odd, good] = [await rig.server(ODD), await rig.server()];
  const subject = await rig.online(good, { ...SCRAM_ONLY, endpoints: [odd.endpoint, good.endpoint] });
  assert.equal(places(subject), [`application:${odd.port}`, `application:${good.port}`]);
});

test('E-23: no mechanism in common anywhere is permanent', async (rig) => {
  const zone = ({ port, directPort }: { port: number; directPort: number }) => ({
    [STARTTLS]: [srv(0, port)],
    [DIRECT]: [srv(1, directPort)],
  });
  const { client, journal, dialed, server } = await inZone(rig, zone, SCRAM_ONLY);
  server.configure(ODD);
  const { failure } = await refusal(client);
  assert.equal([failure.kind, failure.condition, failure.retry], ['auth', 'no-mechanism', 'never']);
  assert.is(dialed.length, 2);
  assert.equal(journal.read(), ['failure no-mechanism']);
});

test('credentials that are refused are refused everywhere', async (rig) => {
  const server = await rig.server({ accounts: { romeo: 'another' } });
  const { client, dialed } = rig.client(server, { endpoints: [server.endpoint, server.endpoint] });
  const { failure } = await refusal(client);
  assert.is(failure.condition, 'not-authorized');
  assert.is(dialed.length, 1);
});

/** Any byte stream: one end of a pipe of our own that leads to `port`. */
function pipe(port: number): Duplex {
  const inner = connectTcp(port, '127.0.0.1');
  const outer = new Duplex({
    read: () => inner.resume(),
    write: (chunk, _, done) => inner.write(chunk, done),
    final: (done) => inner.end(done),
    destroy: (error, done) => {
      inner.destroy();
      done(error);
    },
  });
  inner.on('data', (chunk) => outer.push(chunk) || inner.pause());
  inner.on('end', () => outer.push(null)).on('close', () => outer.destroy());
  inner.on('error', (error) => outer.destroy(error));
  return outer;
}

for (const tls of ['starttls', 'direct'] as const) {
  test(`E-18, N-93: connect gives any stream, here under ${tls}`, async (rig) => {
    const server = await rig.server();
    const endpoint = tls === 'direct' ? server.directEndpoint : server.endpoint;
    const seen: Endpoint[] = [];
    const connect: ClientOptions['connect'] = async (endpoint) => {
      seen.push(endpoint);
      return pipe(endpoint.port);
    };
    const { client } = await rig.online(server, { endpoints: [endpoint], connect });
    assert.equal(seen, [endpoint]);
    assert.is(await client.send(el('message', { to: 'juliet@localhost' })), 'acked');
  });
}

test('E-18: connect that rejects is a failed attempt', async (rig) => {
  const server = await rig.server();
  const { client } = rig.client(server, {
    maxInitialAttempts: 1,
    connect: async () => {
      throw new Error('the proxy wants money');
    },
  });
  const { failure } = await refusal(client);
  assert.equal([failure.kind, failure.stage, failure.retry], ['network', 'connect', 'backoff']);
  assert.match(JSON.stringify(failure.attempts), 'the proxy wants money');
});

test('E-12, X-17: stop aborts connect, and what it gives all the same is closed', async (rig) => {
  const server = await rig.server();
  let late: Duplex | undefined;
  const closed = new Promise<void>((resolve) => {
    const connect: ClientOptions['connect'] = async (endpoint, { signal }) => {
      client.stop();
      await new Promise((abort) => signal.addEventListener('abort', abort));
      late = pipe(endpoint.port).on('close', resolve);
      return late;
    };
    const { client } = rig.client(server, { connect });
    client.start();
  });
  await closed;
  assert.ok(late?.destroyed);
});

/** A script that sends its clients elsewhere, at the first step. */
const sendTo = (place: () => string) => async (peer: Peer) => {
  await peer.open();
  await redirect(peer, place());
};

const redirect = (peer: Peer, place: string) =>
  peer.send(
    `<stream:error><see-other-host xmlns='${NS.streamErrors}'>${place}</see-other-host></stream:error></stream:stream>`,
  );

test('see-other-host: the next attempt goes there at once', async (rig) => {
  const server = await rig.server();
  const redirecting = await rig.scripted(sendTo(() => `127.0.0.1:${server.port}`));
  const subject = await rig.online(server, { endpoints: [redirecting.endpoint] });
  assert.equal(places(subject), [`application:${redirecting.port}`, `redirect:${server.port}`]);
  assert.equal(subject.journal.read(), ['established', 'online anew']);
});

test('see-other-host: an address of IPv6, and the port of XMPP', async (rig) => {
  const server = await rig.server();
  const hosts = ['[::1]:1', '[::1]', 'other.test', '127.0.0.1:2'];
  const redirecting = await rig.scripted(sendTo(() => hosts.shift() ?? `127.0.0.1:${server.port}`));
  const seen: string[] = [];
  const connect: ClientOptions['connect'] = async ({ host, port, source }) => {
    seen.push(`${source} ${host} ${port}`);
    if (source === 'redirect' && port !== server.port) throw new Error('not here');
    return connectTcp(port, '127.0.0.1');
  };
  const { client } = rig.client(server, { endpoints: Array(5).fill(redirecting.endpoint), connect });
  await client.start();
  assert.equal(
    seen.filter((place) => place.startsWith('redirect')),
    ['::1 1', '::1 5222', 'other.test 5222', '127.0.0.1 2', `127.0.0.1 ${server.port}`].map((to) => `redirect ${to}`),
  );
});

test('see-other-host: a redirection that cannot be read is a stream error like any other', async (rig) => {
  const redirecting = await rig.scripted(sendTo(() => '127.0.0.1:99999'));
  const { client, journal } = rig.client(redirecting, { maxInitialAttempts: 2 });
  const { failure } = await refusal(client);
  assert.is(failure.condition, 'see-other-host');
  assert.equal(journal.read(), ['waiting 1 see-other-host', 'failure see-other-host']);
});

test('see-other-host: a server that points at itself ends in a pause', async (rig) => {
  const redirecting = await rig.scripted(sendTo(() => `127.0.0.1:${redirecting.port}`));
  const subject = rig.client(redirecting, { backoff: { start: 60_000, cap: 60_000 }, random: () => 1 });
  subject.client.start();
  await subject.client.once('waiting');
  const { port } = redirecting;
  assert.equal(places(subject), [`application:${port}`, ...Array(5).fill(`redirect:${port}`), 'fallback:5222']);
  await sleep(20);
  assert.is(subject.dialed.length, 7);
});

test('see-other-host while online: a pause first, then there', async (rig) => {
  const server = await rig.server({ sm: false });
  const redirecting = await rig.scripted(async (peer) => {
    await peer.negotiate({ upTo: 'bind' });
    await redirect(peer, `127.0.0.1:${server.port}`);
  });
  const subject = await rig.online(redirecting, { ca: server.ca });
  await subject.journal.until('waiting 1 see-other-host');
  assert.is(subject.dialed.length, 1);
  await subject.client.once('online');
  assert.equal(places(subject), [`application:${redirecting.port}`, `redirect:${server.port}`]);
});

test('see-other-host while online: the session goes along', async (rig) => {
  const { peer, next, journal, dialed } = await online(rig);
  await redirect(peer, `127.0.0.1:${dialed[0]?.port}`);
  const there = await next();
  assert.is((await asked(there, sm('sm'))).attr('previd'), 'sm-1');
  await there.send(sm('resumed', { previd: 'sm-1', h: 0 }));
  await journal.until('online again');
  assert.is(dialed.at(-1)?.source, 'redirect');
});

test('see-other-host while online, again and again: never without a pause', async (rig) => {
  const redirecting = await rig.scripted(async (peer) => {
    await peer.negotiate({ upTo: 'bind' });
    await redirect(peer, `127.0.0.1:${redirecting.port}`);
  });
  const subject = await rig.online(redirecting);
  await subject.journal.until('waiting 5 see-other-host');
  await subject.client.stop();
  const pauses = subject.journal.read().filter((entry) => entry.startsWith('waiting'));
  assert.ok(subject.dialed.length <= pauses.length + 1);
});

test('N-76: a redirection in clear is followed with TLS all the same', async (rig) => {
  const server = await rig.server();
  const redirecting = await rig.scripted(sendTo(() => `127.0.0.1:${server.port}`));
  const { client } = await rig.online(server, { endpoints: [redirecting.endpoint] });
  assert.is.not(client.getSnapshot().trust?.security ?? null, null);
});

test.run();
