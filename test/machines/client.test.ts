/** The order in which a client announces things, and the invariants that hold whatever happens to it. */
import * as assert from 'uvu/assert';
import type { Failure } from '../../machines/failure.ts';
import { CLOSING_TIME, ClientRig, JID, SETTINGS } from './client-rig.ts';
import { chart } from './rig.ts';
import { at, ENDED, FOOTER, failure, features, reset, ticket } from './samples.ts';

const conflict = failure('conflict', 'user', { condition: 'conflict' });
const shutdown = failure('stream', 'backoff', { condition: 'system-shutdown' });
const password = failure('auth', 'user', { stage: 'auth', condition: 'not-authorized' });
const hook = failure('prepare', 'never', { stage: 'prepare' });
const tooHigh = failure('protocol', 'backoff', { condition: 'undefined-condition' });

const acked = { condition: 'undefined-condition', handledTooHigh: { h: 5, sent: 4 } };

/** Seconds for which the server keeps a session, in milliseconds. */
const WINDOW = (ticket.max as number) * 1_000;

const orders = chart('machines/client: orders of B.1');

orders('first connect', () => {
  const client = new ClientRig().start().found('a').connect().login();
  client.log();
  client.bind();
  assert.equal(client.log(), ['write bind -', 'write enable true -', 'openGate hooks', 'holdSession']);
  client.prepared();
  assert.equal(client.log(), ['openGate everyone', 'established', 'online anew after 0', 'adjust']);
});

orders('drop without SM', () => {
  const client = new ClientRig().online(null).lose();
  const lost = ['suspended network', 'dropSession network', 'destroyed network'];
  assert.equal(client.log(), ['closeGate', ...lost, 'waiting 1 1000 network']);
  client.reconnect().bind(null).prepared();
  assert.equal(client.events(), ['established', 'online anew after 1000']);
});

orders('drop with SM, resumed', () => {
  const client = new ClientRig().online().lose();
  assert.equal(client.log(), ['closeGate', 'suspended network', 'waiting 1 1000 network']);
  client.reconnect().log();
  client.resume();
  const again = ['replay', 'openGate everyone', 'resumed', 'online again after 1000'];
  assert.equal(client.log(), ['write resume previous', ...again]);
});

orders('drop with SM, no answer to the resumption: without a footer, which would end the session', () => {
  const client = new ClientRig().online().lose().reconnect().offer({ bind: true, sm: true });
  client.log();
  client.pass(SETTINGS.negotiationTimeout);
  assert.equal(client.log(), ['waiting 2 2000 timeout']);
  assert.equal([client.session, client.link], ['held.detached', 'waiting']);
  client.reconnect().resume();
  assert.ok(client.events().includes('resumed'));
});

orders('drop with SM, resumption refused: the new session is bound on the same connection', () => {
  const client = new ClientRig().online().lose().reconnect();
  client.log();
  client.refuse();
  const gone = ['dropSession session', 'destroyed session'];
  assert.equal(client.log(), ['write resume previous', ...gone, 'write bind home']);
  client.bind().prepared();
  assert.equal(client.events(), ['established', 'online anew after 1000']);
  assert.is(client.shell.opened, 2);
});

orders('drop with SM, which the server offers no more', () => {
  const client = new ClientRig().online().lose().reconnect();
  client.log();
  client.bind(null);
  const gone = ['dropSession session', 'destroyed session'];
  assert.equal(client.log(), ['write bind home', 'openGate hooks', ...gone, 'holdSession']);
  client.prepared();
  assert.equal(client.events(), ['established', 'online anew after 1000']);
});

orders('stop while up', () => {
  for (const granted of [null, ticket]) {
    const client = new ClientRig().online(granted).stop();
    assert.equal(client.log(), ['closeGate', 'write footer']);
    client.farewell();
    assert.equal(client.log(), ['closeTransport', 'dropSession -', 'destroyed -', 'endRun -', 'stopped']);
  }
});

orders('E-11: stop while suspended ends the session', () => {
  const client = new ClientRig().online().lose();
  client.log();
  assert.equal(client.stop().log(), ['dropSession -', 'destroyed -', 'endRun -', 'stopped']);
  client.start().found('a').connect().login().offer({ bind: true, sm: true });
  assert.ok(client.log().includes('write bind home'));
});

orders('stop while connecting', () => {
  const client = new ClientRig().start().found('a').stop();
  assert.equal(client.log(), ['endRun -', 'stopped']);
});

orders('E-2: start after stop is a new beginning', () => {
  const client = new ClientRig().online().stop().farewell();
  client.log();
  client.start().found('a').connect().login().bind().prepared();
  assert.equal(client.events(), ['established', 'online anew after 0']);
});

orders('E-15: a stream error passes through the pause like any other loss', () => {
  const client = new ClientRig().online().streamError(shutdown);
  assert.equal(client.events(), ['suspended system-shutdown', 'waiting 1 1000 system-shutdown']);
});

orders('conflict: the run is over and the session is not asked back', () => {
  for (const granted of [null, ticket]) {
    const client = new ClientRig().online(granted).streamError(conflict);
    assert.equal(client.events(), ['suspended conflict', 'destroyed conflict', 'failure conflict']);
    assert.is(client.link, 'failed');
  }
});

orders('E-22: too high an acknowledgement is answered, and the next session is a new one', () => {
  const client = new ClientRig().online().send({ type: 'stream.violation', failure: tooHigh, error: acked });
  assert.equal(client.log(), ['closeGate', 'write error undefined-condition 5 4', 'write footer']);
  client.farewell();
  const { condition } = tooHigh;
  assert.equal(client.events(), [`suspended ${condition}`, `destroyed ${condition}`, `waiting 1 1000 ${condition}`]);
});

orders('the same in the answer to a resumption, or an answer that makes no sense', () => {
  const client = new ClientRig().online().lose().reconnect().offer({ bind: true, sm: true });
  client.log();
  client.send({ type: 'stream.violation', failure: { ...tooHigh, stage: 'resume' }, error: acked }).farewell();
  const { condition } = tooHigh;
  assert.equal(client.events(), [`destroyed ${condition}`, `waiting 2 2000 ${condition}`]);
  client.reconnect().offer({ bind: true, sm: true });
  assert.ok(client.log().includes('write bind home'));
});

orders('nonsense before the resumption was asked for says nothing of the session', () => {
  const client = new ClientRig()
    .online()
    .lose()
    .wait()
    .found('a')
    .send({ type: 'transport.connected', security: null });
  client.log();
  client.send({ type: 'stream.header', id: null, fault: 'bad-format' }).farewell();
  assert.equal(client.events(), ['waiting 2 2000 bad-format']);
  assert.is(client.session, 'held.detached');
});

orders('E-13: a hook that fails ends connection and run, and nothing was ever established', () => {
  const client = new ClientRig().start().found('a').connect().login().bind();
  client.log();
  client.error(hook, 'prepare').farewell();
  assert.equal(client.log(), [
    'closeGate',
    'write footer',
    'closeTransport',
    'dropFresh prepare',
    'endRun prepare',
    'failure prepare',
  ]);
  assert.is(client.shell.closed, 1);
});

orders('a hook that may do better the next time is tried again', () => {
  const client = new ClientRig().start().found('a').connect().login().bind();
  client.log();
  client.error({ ...hook, retry: 'backoff' }, 'prepare').farewell();
  assert.equal(client.events(), ['waiting 1 1000 prepare']);
});

orders('a session that runs out while the client waits', () => {
  const client = new ClientRig().online().send({ type: 'network.offline' }).lose();
  client.log();
  assert.equal(client.pass(WINDOW - 1).events(), []);
  assert.equal(client.pass(1).events(), ['destroyed session']);
  client.send({ type: 'network.online' }).found('a').connect().login().bind().prepared();
  assert.equal(client.events(), ['established', `online anew after ${WINDOW}`]);
});

orders('a session that runs out on the way back', () => {
  const soon = { ...ticket, max: 2 };
  const suspended = () => new ClientRig().online(soon).lose().wait();
  for (const client of [suspended(), suspended().found('a')]) {
    client.log();
    assert.equal(client.pass(1_000).events(), ['destroyed session']);
    if (client.link === 'resolving') client.found('a');
    client.connect().login().offer({ bind: true, sm: true });
    assert.ok(client.log().includes('write bind home'));
  }
  const asking = suspended().found('a').connect().login().offer({ bind: true, sm: true });
  asking.log();
  assert.equal(asking.pass(1_000).farewell().events(), ['destroyed session', 'waiting 2 2000 session']);
});

orders('a session without an end to its time lasts as long as a timer can', () => {
  const client = new ClientRig()
    .online({ ...ticket, max: null })
    .send({ type: 'network.offline' })
    .lose();
  client.pass(2 ** 31 - 2);
  assert.is(client.session, 'held.detached');
});

orders('what cannot be repaired while suspended ends the session, then the run', () => {
  const client = new ClientRig().online().lose().wait().found('a').connect();
  client.log();
  client.done({ type: 'refused', failure: password, error: null }, 'negotiation').farewell();
  assert.equal(client.events(), ['destroyed not-authorized', 'failure not-authorized']);
});

orders.run();

const single = chart('machines/client: E-1, no second session');

const once = () => new ClientRig({ allowImplicitReconnect: false });

/** The session is lost and with it the run, although the link could go on. */
function over(client: ClientRig, destroyed: string): void {
  assert.equal(client.events(), [`destroyed ${destroyed}`, 'failure session'], client.link);
  assert.equal([client.link, client.context.failure?.retry], ['failed', 'user']);
}

single('a connection may be tried often before the first session', () => {
  const client = once().start().found('a').lose();
  assert.equal(client.events(), ['waiting 1 1000 network']);
  client.reconnect().bind();
  client.log();
  assert.equal(client.lose().events(), ['waiting 2 2000 network']);
  client.reconnect().bind().prepared();
  assert.equal(client.events(), ['established', 'online anew after 0']);
});

single('a session that is resumed goes on', () => {
  const client = once().online().lose().reconnect().resume();
  assert.equal([client.link, client.session], ['connected.live.ready.quiet', 'held.attached']);
});

single('without SM the first loss is the last', () => {
  const client = once().online(null).lose();
  assert.equal(client.events(), ['suspended network', 'destroyed network', 'failure session']);
  assert.equal(client.context.failure?.attempts, [at('a', reset)]);
});

single('the server refuses to resume', () => {
  const client = once().online().lose().reconnect();
  client.log();
  client.refuse().farewell();
  over(client, 'session');
});

single('the server offers no resumption any more', () => {
  const client = once().online().lose().reconnect();
  client.log();
  client.offer({ bind: true }).farewell();
  over(client, 'session');
});

single('the server has another idea of what was said', () => {
  const client = once().online().send({ type: 'stream.violation', failure: tooHigh, error: acked }).farewell();
  assert.equal(client.events(), ['suspended undefined-condition', 'destroyed undefined-condition', 'failure session']);
});

single('the time runs out, wherever the link is', () => {
  const soon = { ...ticket, max: 2 };
  const suspended = () => once().online(soon).lose();
  const places: Record<string, ClientRig> = {
    waiting: once().online(soon).send({ type: 'network.offline' }).lose(),
    resolving: suspended().wait(),
    'connected.dialing': suspended().wait().found('a', 'b'),
    'connected.negotiating': suspended().wait().found('a', 'b').connect(),
    'connected.closing': suspended()
      .wait()
      .found('a', 'b')
      .connect()
      .send({ type: 'stream.error', failure: shutdown, redirect: null }),
  };
  for (const [place, client] of Object.entries(places)) {
    assert.is(client.link, place);
    client.log();
    client.pass(2_000);
    if (client.link.startsWith('connected')) client.farewell();
    over(client, 'session');
  }
});

single('a stop that is on its way stays a stop', () => {
  const client = once()
    .online({ ...ticket, max: 2 })
    .lose()
    .wait()
    .found('a')
    .connect()
    .stop();
  client.log();
  assert.equal(client.pass(1_000).farewell().events(), ['destroyed session', 'stopped']);
});

single.run();

const invariants = chart('machines/client: invariants of C.8');

/** A client in every state of its link that lasts, with the phase it is to show. */
const PLACES: Record<string, [phase: string, client: () => ClientRig]> = {
  down: ['offline', () => new ClientRig()],
  resolving: ['connecting', () => new ClientRig().start()],
  'connected.dialing': ['connecting', () => new ClientRig().start().found('a')],
  'connected.negotiating': ['connecting', () => new ClientRig().start().found('a').connect()],
  'connected.live.preparing': ['connecting', () => new ClientRig().start().found('a').connect().login().bind()],
  'connected.live.ready.quiet': ['online', () => new ClientRig().online()],
  'connected.live.ready.owed': ['online', () => new ClientRig().online().send({ type: 'flow.waiting' })],
  'connected.live.ready.probing': ['online', () => new ClientRig().online().send({ type: 'probe' })],
  'connected.closing': ['connecting', () => new ClientRig().online().send(FOOTER)],
  'connected.leaving': ['disconnecting', () => new ClientRig().online().stop()],
  waiting: ['connecting', () => new ClientRig().online().lose()],
  failed: ['failed', () => new ClientRig().online().streamError(conflict)],
};

invariants('every state of the link shows one phase', () => {
  for (const [place, [phase, client]] of Object.entries(PLACES)) {
    const rig = client();
    assert.equal([rig.link, rig.phase], [place, phase]);
  }
});

invariants('1: start does nothing to a client that runs', () => {
  for (const [place, [phase, client]] of Object.entries(PLACES)) {
    if (phase === 'offline' || phase === 'failed') continue;
    const rig = client();
    rig.log();
    assert.equal([rig.start().link, rig.log()], [place, []]);
  }
});

invariants('1, 2, 3: stop is legal everywhere, more than once, and takes no longer than the time set', () => {
  for (const [place, [phase, client]] of Object.entries(PLACES)) {
    const rig = client();
    rig.log();
    const established = rig.session.startsWith('held') ? ['destroyed -'] : [];
    rig.stop().stop().pass(CLOSING_TIME).stop();
    const runs = phase !== 'offline' && phase !== 'failed';
    assert.equal(rig.events(), runs ? [...established, 'stopped'] : [], place);
    assert.equal([rig.link, rig.session], [phase === 'failed' ? 'failed' : 'down', 'none']);
    assert.equal([rig.children, rig.timers, rig.shell.opened - rig.shell.closed], [[], 0, 0], place);
  }
});

invariants('3: nor does a server that talks without end, or only half closes, make it take longer', () => {
  const chatty = new ClientRig().online().stop();
  for (let passed = 0; passed < SETTINGS.shutdownTimeout; passed += 100) {
    assert.is(chatty.link, 'connected.leaving');
    chatty.send({ type: 'flow.waiting' }, { type: 'flow.heard' }, { type: 'flow.drained' }).pass(100);
  }
  assert.is(chatty.link, 'down');

  const half = new ClientRig()
    .online()
    .stop()
    .pass(SETTINGS.shutdownTimeout - 1)
    .send(ENDED);
  assert.is(half.pass(1_000).link, 'down');
});

invariants('2: a run that fails leaves nothing behind either', () => {
  const client = new ClientRig().online().streamError(conflict);
  assert.equal([client.children, client.timers, client.shell.opened - client.shell.closed], [[], 0, 0]);
});

invariants('4: when it is established, the JID is known and the features are those of this stream', () => {
  const client = new ClientRig();
  const seen: unknown[] = [];
  client.actor.on('established', ({ jid }) => seen.push(jid, client.context.jid, client.context.features));
  client.online();
  assert.equal(seen, [JID, JID, features({ bind: true, sm: true })]);
});

invariants('5, 6: losses, resumptions and new sessions in a row', () => {
  const client = new ClientRig().online();
  client.lose().reconnect().lose().reconnect().resume();
  client.lose().reconnect().refuse().bind().prepared();
  client.stop().farewell();
  const events = client.events().filter((line) => !/^(waiting|online)/.test(line));
  assert.equal(
    events.join(', '),
    'suspended network, resumed, suspended network, destroyed session, established, destroyed -, stopped',
  );
});

invariants('7: a stop takes over while the stream is ending for another reason', () => {
  const client = new ClientRig().online().send(FOOTER).stop();
  client.log();
  assert.equal(client.lose().events(), ['destroyed -', 'stopped']);
});

invariants('8: before the first success there are no more attempts than agreed, for every run anew', () => {
  const client = new ClientRig({ maxInitialAttempts: 3 });
  for (let run = 1; run <= 2; run++) {
    client.start().found('a').lose();
    for (let attempt = 2; attempt <= 3; attempt++) client.wait().found('a').lose();
    assert.equal(client.events(), ['waiting 1 1000 network', 'waiting 2 2000 network', 'failure network']);
    assert.is(client.shell.opened, 3 * run);
  }
});

invariants('8: once it has been online it tries for ever', () => {
  const client = new ClientRig({ maxInitialAttempts: 1 }).online().lose();
  for (let attempt = 2; attempt <= 10; attempt++) client.wait().found('a').lose();
  assert.is(client.link, 'waiting');
  assert.is(new ClientRig({ maxInitialAttempts: 1 }).start().found('a').lose().link, 'failed');
});

invariants('9: pauses grow up to the cap, and shrink only when a session has lasted', () => {
  const client = new ClientRig({ backoff: { start: 1_000, factor: 2, cap: 5_000 } }).online().lose();
  for (let attempt = 2; attempt <= 5; attempt++) client.wait().found('a').lose();
  assert.equal(
    client.events().slice(1),
    [1_000, 2_000, 4_000, 5_000, 5_000].map((delay, index) => `waiting ${index + 1} ${delay} network`),
  );
  client
    .reconnect()
    .resume()
    .pass(SETTINGS.settle - 1);
  client.log();
  assert.equal(client.lose().events(), ['suspended network', 'waiting 6 5000 network']);
  client.reconnect().resume().pass(SETTINGS.settle);
  client.log();
  assert.equal(client.lose().events(), ['suspended network', 'waiting 1 1000 network']);
});

invariants('9: every way back leads through the pause', () => {
  const losses: Record<string, (client: ClientRig) => ClientRig> = {
    lost: (client) => client.lose(),
    'closed by the server': (client) => client.send(FOOTER).lose(),
    'a bare FIN': (client) => client.send(ENDED).lose(),
    'a stream error': (client) => client.streamError(shutdown),
    redirected: (client) => client.streamError(shutdown, { host: 'b', port: 5222 }),
    'a violation': (client) => client.send({ type: 'stream.violation', failure: tooHigh, error: acked }).farewell(),
    silence: (client) => client.send({ type: 'probe' }).pass(60_000),
  };
  for (const [loss, happen] of Object.entries(losses)) {
    const client = new ClientRig().online();
    assert.is(happen(client).link, 'waiting', loss);
    assert.ok((client.context.retry?.delay ?? 0) > 0);
  }
});

invariants('10: after what no repetition can cure nobody connects again', () => {
  const cures: Failure[] = [conflict, password, failure('bind', 'never'), failure('tls', 'user')];
  for (const cure of cures) {
    const client = new ClientRig().start().found('a').lose(cure);
    assert.equal(client.events(), [`failure ${cure.condition ?? cure.kind}`]);
    assert.equal([client.pass(1e9).link, client.shell.opened], ['failed', 1]);
  }
});

invariants('25: a session is asked back if it can be, if the server offers it and if there is time', () => {
  const asked = (client: ClientRig, sm = true) => {
    client.reconnect().log();
    client.offer({ bind: true, sm });
    return client.log().filter((line) => line.startsWith('write'));
  };
  assert.equal(asked(new ClientRig().online().lose()), ['write resume previous']);
  assert.equal(asked(new ClientRig().online(null).lose()), ['write bind home']);
  assert.equal(asked(new ClientRig().online({ ...ticket, id: null }).lose()), ['write bind home']);
  assert.equal(asked(new ClientRig().online().lose(), false), ['write bind home']);
  assert.equal(asked(new ClientRig().online({ ...ticket, max: 1 }).lose()), ['write bind home']);
});

invariants.run();
