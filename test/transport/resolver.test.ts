import * as assert from 'uvu/assert';
import {
  type DiscoverOptions,
  discover,
  ResolveError,
  type ResolveSrv,
  type SrvRecord,
} from '../../src/transport/resolver.ts';
import { suite } from '../harness.ts';
import { leavesNothing, rejection } from './resources.ts';

const PLAIN = '_xmpp-client._tcp.example.org';
const DIRECT = '_xmpps-client._tcp.example.org';

const srv = (name: string, priority = 0, weight = 0, port = 5222): SrvRecord => ({ name, port, priority, weight });
const trouble = (code: string) => Object.assign(new Error(`querySrv ${code}`), { code, syscall: 'querySrv' });

type Zone = Record<string, readonly SrvRecord[] | Error>;

/** A name server with these records and no others, and the questions it was asked. */
function dns(zone: Zone): { resolveSrv: ResolveSrv; asked: string[] } {
  const asked: string[] = [];
  const resolveSrv = async (name: string) => {
    asked.push(name);
    const answer = zone[name] ?? trouble('ENOTFOUND');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { resolveSrv, asked };
}

async function found(zone: Zone, options: DiscoverOptions = {}, domain = 'example.org'): Promise<string[]> {
  const endpoints = await discover(domain, { resolveSrv: dns(zone).resolveSrv, random: () => 0, ...options });
  return endpoints.map(({ host, port, tls, source }) => `${host}:${port} ${tls} ${source}`);
}

async function refused(zone: Zone, options: DiscoverOptions = {}): Promise<ResolveError> {
  const error = await rejection(found(zone, options));
  assert.instance(error, ResolveError);
  return error as ResolveError;
}

/** Numbers in [0, 1) that are the same in every run. */
function sequence(): () => number {
  let state = 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

const test = suite('discovery');

test('N-67, X-27a: mixes STARTTLS and direct TLS by priority', async () => {
  const zone = {
    [PLAIN]: [srv('c.example.net', 30), srv('a.example.net.', 10)],
    [DIRECT]: [srv('b.example.net', 20, 0, 443), srv('d.example.net', 40, 0, 5223)],
  };
  assert.equal(await found(zone), [
    'a.example.net:5222 starttls srv',
    'b.example.net:443 direct srv',
    'c.example.net:5222 starttls srv',
    'd.example.net:5223 direct srv',
  ]);
});

test('X-26c: asks only for what is wanted', async () => {
  for (const [options, expected] of [
    [{ direct: false }, [PLAIN]],
    [{ starttls: false }, [DIRECT]],
    [{}, [PLAIN, DIRECT]],
  ] as const) {
    const { resolveSrv, asked } = dns({});
    await discover('example.org', { resolveSrv, ...options });
    assert.equal(asked, expected);
  }
});

test('N-73: says what the name servers say', async () => {
  const lines: string[] = [];
  const line = (text: string) => lines.push(text);
  const logger = { debug: line, info: line, warn: line, error: line };
  await found({ [PLAIN]: [srv('a')], [DIRECT]: trouble('ESERVFAIL') }, { logger });
  await found({ [PLAIN]: [srv('a')], [DIRECT]: [srv('.')] }, { logger });
  assert.equal(lines.sort(), [
    `${PLAIN}: 1 records`,
    `${PLAIN}: 1 records`,
    `${DIRECT}: declined`,
    `${DIRECT}: no answer`,
  ]);
});

test('draws inside one priority by weight (RFC 2782)', async () => {
  const zone = { [PLAIN]: [srv('heavy', 0, 60), srv('light', 0, 30), srv('zero', 0, 0)] };
  const hosts = async (...numbers: number[]) =>
    (await found(zone, { random: () => numbers.shift() ?? 0 })).map((endpoint) => endpoint.split(':')[0]);
  // The number drawn is at most 90: zero wins at 0, heavy from 1 to 60, light from 61 on.
  assert.equal(await hosts(0, 0), ['zero', 'heavy', 'light']);
  assert.equal(await hosts(1.5 / 91, 0), ['heavy', 'zero', 'light']);
  assert.equal(await hosts(60.5 / 91, 1.5 / 31), ['heavy', 'light', 'zero']);
  assert.equal(await hosts(61.5 / 91, 0), ['light', 'zero', 'heavy']);
  assert.equal(await hosts(0.999, 0.999), ['light', 'heavy', 'zero']);
});

test('gives each record its share of first places, and never leaves its priority', async () => {
  const zone = {
    [PLAIN]: [srv('three', 1, 30), srv('one', 1, 10)],
    [DIRECT]: [srv('best', 0, 1), srv('spare', 2, 99)],
  };
  const random = sequence();
  const firsts: Record<string, number> = {};
  for (let i = 0; i < 2000; i += 1) {
    const hosts = (await found(zone, { random })).map((endpoint) => endpoint.split(':')[0] as string);
    assert.is(hosts[0], 'best');
    assert.is(hosts[3], 'spare');
    firsts[hosts[1] as string] = (firsts[hosts[1] as string] ?? 0) + 1;
  }
  assert.ok(Math.abs((firsts.three as number) / 2000 - 0.75) < 0.05, JSON.stringify(firsts));
});

test('takes the domain itself only when there are no records at all', async () => {
  assert.equal(await found({}), ['example.org:5222 starttls fallback']);
  assert.equal(await found({ [PLAIN]: [], [DIRECT]: trouble('ENODATA') }), ['example.org:5222 starttls fallback']);
  assert.equal(await found({ [PLAIN]: trouble('ENODATA') }), ['example.org:5222 starttls fallback']);
  assert.equal(await found({}, { direct: false }), ['example.org:5222 starttls fallback']);
  assert.equal(await found({}, { starttls: false }), ['example.org:5223 direct fallback']);
  assert.equal(await found({ [DIRECT]: [srv('a', 0, 0, 443)] }), ['a:443 direct srv']);
});

test('takes "." as a refusal of that service alone', async () => {
  for (const root of ['.', '']) {
    assert.equal(await found({ [PLAIN]: [srv(root)], [DIRECT]: [srv('a', 0, 0, 443)] }), ['a:443 direct srv']);
    assert.equal(await found({ [PLAIN]: [srv('a')], [DIRECT]: [srv(root)] }), ['a:5222 starttls srv']);
    assert.equal(await found({ [PLAIN]: [srv('a'), srv(root)] }), ['a:5222 starttls srv']);
  }
});

test('takes "." for both, or for one and nothing for the other, as "no XMPP here"', async () => {
  const dot = [srv('.')];
  assert.is((await refused({ [PLAIN]: dot, [DIRECT]: dot })).code, 'no-xmpp');
  assert.is((await refused({ [PLAIN]: dot })).code, 'no-xmpp');
  assert.is((await refused({ [DIRECT]: dot })).code, 'no-xmpp');
  assert.is((await refused({ [PLAIN]: dot }, { direct: false })).code, 'no-xmpp');
});

test('tolerates the trouble of one look-up while the other has records', async () => {
  const failed = trouble('ESERVFAIL');
  assert.equal(await found({ [PLAIN]: failed, [DIRECT]: [srv('a', 0, 0, 443)] }), ['a:443 direct srv']);
  assert.equal(await found({ [PLAIN]: [srv('a')], [DIRECT]: failed }), ['a:5222 starttls srv']);
});

test('falls back when only the question for direct TLS went unanswered, else passes the trouble on', async () => {
  const failed = trouble('ESERVFAIL');
  assert.equal(await found({ [DIRECT]: failed }), ['example.org:5222 starttls fallback']);
  for (const zone of [
    { [PLAIN]: failed },
    { [PLAIN]: failed, [DIRECT]: failed },
    { [PLAIN]: failed, [DIRECT]: [srv('.')] },
    { [PLAIN]: [srv('.')], [DIRECT]: failed },
  ]) {
    const error = await refused(zone);
    assert.is(error.code, 'dns');
    assert.is(error.cause, failed);
  }
});

test('asks three times before it gives up, and not again after "there are none"', async () => {
  const { resolveSrv, asked } = dns({ [PLAIN]: trouble('ETIMEOUT') });
  await rejection(discover('example.org', { resolveSrv }));
  assert.is(asked.filter((name) => name === PLAIN).length, 3);
  assert.is(asked.filter((name) => name === DIRECT).length, 1);
});

test('takes the answer of a second try', async () => {
  const answers = [trouble('ECONNREFUSED'), [srv('a')]];
  const resolveSrv: ResolveSrv = async () => {
    const answer = answers.shift() ?? [];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const [first] = await discover('example.org', { resolveSrv, direct: false });
  assert.is(first?.host, 'a');
});

test('passes a defect of the look-up on as DNS trouble', async () => {
  for (const thrown of [new TypeError('x is not a function'), 'text', undefined]) {
    const resolveSrv = () => {
      throw thrown;
    };
    const error = await rejection(discover('example.org', { resolveSrv }));
    assert.is((error as ResolveError).code, 'dns');
  }
});

test('looks nothing up for IP literals and localhost', async () => {
  const { resolveSrv, asked } = dns({});
  const hosts: string[] = [];
  for (const domain of ['127.0.0.1', '[2001:db8::1]', 'localhost', 'xmpp.localhost']) {
    hosts.push(...(await discover(domain, { resolveSrv })).map(({ host, port }) => `${host} ${port}`));
  }
  assert.equal(hosts, ['127.0.0.1 5222', '2001:db8::1 5222', 'localhost 5222', 'xmpp.localhost 5222']);
  assert.equal(asked, []);
});

test('asks for the A-labels of an internationalised domain', async () => {
  const { resolveSrv, asked } = dns({});
  const [endpoint] = await discover('fu\u00DFball.example', { resolveSrv });
  assert.is(asked[0], '_xmpp-client._tcp.xn--fuball-cta.example');
  assert.is(endpoint?.host, 'xn--fuball-cta.example');
});

test('gives a bounded number of endpoints, the best ones', async () => {
  const many = Array.from({ length: 200 }, (_, i) => srv(`h${199 - i}`, 199 - i));
  const hosts = await found({ [PLAIN]: many });
  assert.is(hosts.length, 16);
  assert.is(hosts[15], 'h15:5222 starttls srv');
});

test('is not kept busy by an answer of ten thousand records', async () => {
  const draws: number[] = [];
  const random = () => draws.push(0) - draws.length;
  const many = Array.from({ length: 10_000 }, (_, i) => srv(`h${i}`));
  assert.is((await found({ [PLAIN]: many }, { random })).length, 16);
  assert.is(draws.length, 16);
});

test('passes over what is no record, and says so when nothing else is there', async () => {
  const bad = [null, {}, srv('a', 0, 0, -1), srv('b', Number.NaN), srv('c', 0, -1), { ...srv('d'), port: '5222' }];
  const zone = (records: unknown[]) => ({ [PLAIN]: records as SrvRecord[] });
  assert.equal(await found(zone([...bad, srv('good')])), ['good:5222 starttls srv']);
  assert.is((await refused(zone(bad))).code, 'dns');
});

test('ends with the reason of its signal, also when the look-up does not listen', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const deaf: ResolveSrv = () => new Promise(() => {});
  const pending = rejection(discover('example.org', { resolveSrv: deaf, signal: controller.signal }));
  controller.abort(reason);
  assert.is(await pending, reason);
  assert.is(await rejection(discover('example.org', { resolveSrv: deaf, signal: controller.signal })), reason);
});

test('ends between two tries', async () => {
  const controller = new AbortController();
  let asked = 0;
  const resolveSrv: ResolveSrv = async () => {
    asked += 1;
    setImmediate(() => controller.abort());
    throw trouble('ESERVFAIL');
  };
  const error = await rejection(discover('example.org', { resolveSrv, direct: false, signal: controller.signal }));
  assert.is((error as Error).name, 'AbortError');
  assert.is(asked, 1);
});

test('the look-up of the system can be aborted and leaves nothing behind', async () => {
  await leavesNothing(async () => {
    const controller = new AbortController();
    const pending = rejection(discover('xstanza.invalid', { signal: controller.signal }));
    controller.abort();
    assert.is(((await pending) as Error).name, 'AbortError');
  });
});

test.run();
