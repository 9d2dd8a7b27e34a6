/** The link of a client: where it connects to, in which order, and how it finds out that nobody is there any more. */
import * as assert from 'uvu/assert';
import { clientMachine } from '../../machines/client.ts';
import type { NegotiationContext } from '../../machines/negotiation.ts';
import type { StreamContext } from '../../machines/stream.ts';
// The tally at the end counts what the orders take, too.
import './client.test.ts';
import { ClientRig, JID, SETTINGS } from './client-rig.ts';
import { chart, untaken } from './rig.ts';
import { at, ENDED, FOOTER, failure, reset, ticket } from './samples.ts';

const shutdown = failure('stream', 'backoff', { condition: 'system-shutdown' });
const certificate = failure('tls', 'user', { stage: 'tls', condition: 'CERT_HAS_EXPIRED' });
const password = failure('auth', 'user', { stage: 'auth', condition: 'not-authorized' });
const noMechanism = failure('auth', 'never', { stage: 'auth', condition: 'no-mechanism' });
const moved = failure('stream', 'backoff', { condition: 'see-other-host' });

const { idle, answer } = SETTINGS.liveness as { idle: number; answer: number };

const host = (client: ClientRig) => client.context.endpoint?.host;

const sweeps = chart('machines/client: sweeps');

sweeps('N-78: the sources are asked one after the other, each with what it needs', () => {
  const client = new ClientRig().online();
  const { session } = client.context;
  client.lose().wait();
  for (const source of ['location', 'application', 'discovery']) {
    assert.equal(client.inputOf('resolve'), { source, session, settings: SETTINGS });
    client.named();
  }
  assert.equal(client.events().at(-1), 'failure no-endpoint');
  assert.is(client.context.failure?.kind, 'dns');
});

sweeps('a source that fails, or says nothing in time, is followed by the next one', () => {
  const client = new ClientRig().start();
  client.error(failure('dns', 'backoff', { stage: 'resolve' }), 'resolve');
  assert.is(client.context.sweep.source, 'application');
  client.pass(SETTINGS.negotiationTimeout);
  assert.is(client.context.sweep.source, 'discovery');
  client.error(new Error('a bug'), 'resolve');
  assert.equal(client.events(), ['failure internal']);
});

sweeps('the endpoints of a source are tried in their order, then the next source', () => {
  const client = new ClientRig().start().named('a', 'b');
  assert.is(host(client), 'a');
  assert.is(host(client.lose()), 'b');
  assert.equal([client.lose().link, client.context.sweep.source], ['resolving', 'application']);
  assert.is(host(client.named('c')), 'c');
  assert.is(host(client.lose().named('d')), 'd');
  client.lose();
  assert.equal(client.events(), ['waiting 1 1000 network']);
  const everywhere = ['a', 'b', 'c', 'd'].map((name) => at(name, reset));
  assert.equal(client.context.failure?.attempts, everywhere);
  assert.is(client.shell.opened, 4);
});

sweeps('N-80: of several failures trouble with TLS wins', () => {
  const client = new ClientRig().start().found('a', 'b', 'c').lose().lose(certificate).lose();
  assert.equal(client.events(), ['failure CERT_HAS_EXPIRED']);
  assert.equal(client.context.failure?.attempts, [at('a', reset), at('b', certificate), at('c', reset)]);
});

sweeps('what is the same everywhere is not tried elsewhere', () => {
  const client = new ClientRig().start().named('a', 'b').lose(password);
  assert.equal(client.events(), ['failure not-authorized']);
  assert.is(client.shell.opened, 1);
});

sweeps('E-23: no common mechanism is final once every endpoint has said so', () => {
  const client = new ClientRig().start().found('a', 'b').lose(noMechanism);
  assert.is(host(client), 'b');
  assert.equal(client.lose(noMechanism).events(), ['failure no-mechanism']);
});

sweeps('a connection that was live is not replaced by the next endpoint but by the next sweep', () => {
  const client = new ClientRig().start().found('a', 'b').connect().login().bind();
  client.lose();
  assert.is(client.link, 'waiting');
});

sweeps('see-other-host is followed at once while connecting', () => {
  const client = new ClientRig().start().found('a', 'b').connect().streamError(moved, { host: 'c', port: 5333 });
  assert.equal(client.context.endpoint, { host: 'c', port: 5333, tls: 'starttls', source: 'redirect' });
  assert.equal(client.events(), []);
  assert.is(host(client.lose()), 'b');
});

sweeps('a loop of redirections ends after five, and goes on only after the pause', () => {
  const client = new ClientRig().start().found('a');
  for (let count = 1; count <= 5; count++) client.connect().streamError(moved, { host: 'a', port: 5222 });
  assert.equal([client.link, client.events()], ['connected.dialing', []]);
  client.connect().streamError(moved, { host: 'a', port: 5222 });
  assert.equal(client.events(), ['waiting 1 1000 see-other-host']);
  assert.is(client.shell.opened, 6);
});

sweeps('a live server sends us elsewhere: first the pause, then there, then the usual places', () => {
  const client = new ClientRig().online().streamError(moved, { host: 'c', port: 5222 });
  assert.is(client.link, 'waiting');
  assert.is(host(client.wait()), 'c');
  assert.is(client.lose().link, 'resolving');
  assert.is(host(client.found('a')), 'a');
  client.lose().wait();
  assert.is(client.link, 'resolving');
});

sweeps('a run begins where it always begins, wherever the one before was sent', () => {
  const client = new ClientRig().online().streamError(moved, { host: 'c', port: 5222 }).stop();
  assert.is(client.start().link, 'resolving');
});

sweeps.run();

const attempts = chart('machines/client: attempts');

attempts('the negotiation is told what it needs', () => {
  const input = (client: ClientRig) =>
    client.snapshot.children.negotiation?.getSnapshot().context as NegotiationContext;
  const first = input(new ClientRig({ sm: { resume: true, max: 60 } }).start().found('a').connect());
  assert.equal([first.previd, first.resource, first.refusal, first.sm], [null, null, null, { resume: true, max: 60 }]);

  const again = input(new ClientRig().online().lose().wait().found('a').connect());
  assert.equal([again.previd, again.resource, again.refusal], [ticket.id, JID.split('/')[1], null]);

  const busy = failure('auth', 'backoff', { condition: 'temporary-auth-failure' });
  const second = input(new ClientRig().start().found('a').lose(busy).wait().found('a').connect());
  assert.equal(second.refusal, at('a', busy));

  const set = new ClientRig({ resource: 'mine', allowImplicitReconnect: false }).online().lose();
  const third = input(set.wait().found('a').connect());
  assert.equal([third.resource, third.freshAllowed], ['mine', false]);

  const bare = (name: string) => input(new ClientRig({ tls: 'off', bareLogin: true }).start().found(name).connect());
  assert.equal(
    ['localhost', '127.0.0.1', '::1', '127.0.0.1.example.org', 'a'].map((name) => bare(name).bareLogin),
    [true, true, true, false, false],
  );
});

attempts('what the negotiation is refused with ends the stream, and the server is told', () => {
  const client = new ClientRig({ tls: 'required' }).start().found('a');
  client.send({ type: 'transport.connected', security: null }, { type: 'stream.header', id: 'x', fault: null });
  client.log();
  client.login();
  assert.equal(client.log(), ['write error policy-violation', 'write footer']);
  client.farewell();
  assert.equal(client.events(), ['failure policy-violation']);
});

attempts('every word of the server that the negotiation waits for reaches it', () => {
  const client = new ClientRig().start().found('a');
  const step = () => client.snapshot.children.negotiation?.getSnapshot().value;
  client.send({ type: 'transport.connected', security: null }, { type: 'stream.header', id: 'x', fault: null });
  client.offer({ starttls: 'required' }).send({ type: 'starttls.proceed' });
  assert.equal(step(), { securing: 'handshaking' });
  client.send({ type: 'tls.failed', failure: certificate });
  assert.is(client.link, 'connected.closing');

  const other = new ClientRig().start().found('a').connect().login().send({ type: 'sasl.success' });
  other.offer({ bind: true, session: 'required' }).send({ type: 'bind.result', jid: JID }, { type: 'legacy.result' });
  assert.is(other.link, 'connected.live.preparing');
});

attempts('nobody is waited for without end', () => {
  const { negotiationTimeout, shutdownTimeout } = SETTINGS;
  const dialing = () => new ClientRig().start().found('a');
  for (const client of [dialing(), dialing().connect(), dialing().connect().login().bind()]) {
    client.pass(negotiationTimeout);
    if (client.link !== 'waiting') client.farewell();
    assert.equal(client.events(), ['waiting 1 1000 timeout']);
  }
  const failing = () => new ClientRig().online().send({ type: 'stream.error', failure: shutdown, redirect: null });
  assert.is(failing().pass(shutdownTimeout - 1).link, 'connected.closing');
  assert.is(failing().pass(shutdownTimeout).link, 'waiting');
  assert.is(failing().send(FOOTER).pass(1_000).link, 'waiting');
});

attempts('the hooks are awaited no longer than any other step', () => {
  const client = new ClientRig().start().found('a').connect().login().bind().pass(SETTINGS.negotiationTimeout);
  assert.is(client.farewell().context.failure?.stage, 'prepare');
});

attempts('a closing stream hears what the server says last', () => {
  const closing = () => new ClientRig().online().send({ type: 'stream.error', failure: shutdown, redirect: null });
  const inner = (client: ClientRig) =>
    client.snapshot.children.stream?.getSnapshot() as { value: unknown; context: StreamContext };
  assert.is(inner(closing().send(FOOTER)).value, 'CLOSING_STREAM_FOOTER_RECEIVED');
  assert.is(inner(closing().send(ENDED)).value, 'CLOSING_STREAM_FOOTER_RECEIVED');
  assert.equal(closing().lose().context.failure, at('a', shutdown));
});

attempts('the pause can be cut short, and waits for the network', () => {
  const paused = () => new ClientRig().online().lose();
  assert.is(paused().send({ type: 'retry' }).link, 'resolving');
  assert.is(paused().send({ type: 'wake' }).link, 'resolving');
  const away = paused().send({ type: 'network.offline' }).pass(200_000);
  assert.equal([away.link, away.context.retry?.delay], ['waiting', 1_000]);
  assert.is(away.send({ type: 'network.online' }).link, 'resolving');
  const before = new ClientRig().online().send({ type: 'network.offline' }).lose().pass(200_000);
  assert.is(before.link, 'waiting');
});

attempts('a countdown says when the next attempt is due', () => {
  const client = new ClientRig().online().pass(500).lose();
  assert.equal(client.context.retry, { attempt: 1, delay: 1_000, at: client.clock.now() + 1_000 });
});

attempts.run();

const liveness = chart('machines/client: liveness');

/** Bytes have come now. */
function heard(client: ClientRig): ClientRig {
  client.shell.heardAt = client.clock.now();
  return client;
}

liveness('after a silence the server is asked, and after another it is taken for dead', () => {
  const client = new ClientRig().online();
  assert.is(client.pass(idle - 1).link, 'connected.live.ready.quiet');
  assert.is(client.pass(1).link, 'connected.live.ready.probing');
  assert.equal(client.log(), ['writeProbe', 'probing']);
  assert.is(client.pass(answer - 1).link, 'connected.live.ready.probing');
  assert.equal(client.pass(1).log(), ['closeGate', 'suspended timeout', 'waiting 1 1000 timeout']);
  assert.is(client.context.failure?.stage, 'online');
});

liveness('an answer, whatever it is, is a sign of life', () => {
  const client = new ClientRig().online().pass(idle);
  heard(client).send({ type: 'flow.heard' });
  assert.is(client.link, 'connected.live.ready.quiet');
  assert.is(client.pass(idle - 1).link, 'connected.live.ready.quiet');
  assert.is(client.pass(1).link, 'connected.live.ready.probing');
});

liveness('the silence counts from the last byte, not from the last look', () => {
  const client = new ClientRig().online().pass(idle / 2);
  heard(client).pass(idle - 1);
  assert.is(client.link, 'connected.live.ready.quiet');
  assert.is(client.pass(1).link, 'connected.live.ready.probing');
});

liveness('whether acknowledgements are owed is known through every probe', () => {
  const client = new ClientRig().online().send({ type: 'flow.waiting' });
  assert.is(client.link, 'connected.live.ready.owed');
  assert.is(client.pass(idle).link, 'connected.live.ready.probing');
  heard(client).send({ type: 'flow.heard' });
  assert.is(client.link, 'connected.live.ready.owed');
  assert.is(client.send({ type: 'flow.drained' }).link, 'connected.live.ready.quiet');

  client.send({ type: 'probe' }, { type: 'flow.waiting' }, { type: 'flow.heard' });
  assert.is(client.link, 'connected.live.ready.owed');
  client.send({ type: 'probe' }, { type: 'flow.drained' }, { type: 'flow.heard' });
  assert.is(client.link, 'connected.live.ready.quiet');
});

liveness('the application, a machine that woke up and a network that came back make us ask, once', () => {
  for (const type of ['probe', 'wake', 'network.online'] as const) {
    const client = new ClientRig().online().send({ type });
    assert.is(client.link, 'connected.live.ready.probing', type);
    client.send({ type: 'probe' }, { type: 'wake' }, { type: 'network.online' });
    assert.equal(client.log(), ['writeProbe', 'probing'], type);
  }
});

liveness('a machine that slept asks again before it blames the server', () => {
  const client = new ClientRig().online().send({ type: 'probe' });
  client.shell.probedAt -= 8 * 3_600_000;
  client.log();
  assert.is(client.pass(answer).link, 'connected.live.ready.probing');
  assert.equal(client.log(), ['writeProbe', 'probing']);
  assert.is(client.pass(answer).link, 'waiting');
});

liveness('a client that is not to ask by itself does not, but may be told to', () => {
  const client = new ClientRig({ liveness: null }).online();
  assert.is(client.pass(2 ** 31 - 2).link, 'connected.live.ready.quiet');
  heard(client).send({ type: 'probe' });
  assert.is(client.pass(SETTINGS.negotiationTimeout).link, 'waiting');
});

liveness('white space is kept up while stanzas may flow', () => {
  const client = new ClientRig().online();
  assert.ok(client.children.includes('keepalive'));
  assert.not(client.lose().children.includes('keepalive'));
});

liveness('E-32: a stop lets out first what is stuck, within one budget', () => {
  const stuck = () => new ClientRig().online().send({ type: 'flow.stuck' });
  assert.is(stuck().stop().link, 'connected.live.draining');
  assert.is(stuck().stop().phase, 'disconnecting');
  assert.is(stuck().stop().stop().link, 'connected.live.draining');
  assert.is(stuck().send({ type: 'flow.free' }).stop().link, 'connected.leaving');
  const half = SETTINGS.shutdownTimeout / 2;
  const freed = stuck().stop().pass(half).send({ type: 'flow.free' });
  assert.is(freed.link, 'connected.leaving');
  assert.is(freed.pass(half - 1).link, 'connected.leaving');
  assert.is(freed.pass(1).link, 'down');
  assert.is(stuck().stop().pass(SETTINGS.shutdownTimeout).pass(1).link, 'down');
  assert.is(stuck().stop().send(FOOTER).link, 'connected.leaving');
  const lost = stuck().stop().lose();
  assert.is(lost.link, 'down');
  assert.equal(lost.events().slice(-2), ['destroyed -', 'stopped']);
  const hurried = new ClientRig().online().send({ type: 'stop', within: 10 });
  assert.is(hurried.pass(9).link, 'connected.leaving');
  assert.is(hurried.pass(1).link, 'down');
});

liveness('a child that breaks is a failure like any other, and does not take the run with it', () => {
  const broken = new ClientRig().online();
  broken.error(new Error('a defect'), 'stream');
  assert.equal([broken.link, broken.snapshot.context.failure?.kind], ['waiting', 'internal']);
  assert.is(broken.shell.opened - broken.shell.closed, 0);
  const leaving = new ClientRig().online().stop();
  leaving.error(new Error('a defect'), 'stream');
  assert.is(leaving.link, 'down');
});

liveness('every transition was taken', () => {
  assert.equal(untaken(clientMachine), []);
});

liveness.run();
