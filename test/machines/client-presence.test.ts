/** What others are to see: B.11, and E-4, E-9 of what is decided. */
import * as assert from 'uvu/assert';
import { UNAVAILABLE, type WantedPresence } from '../../machines/client.ts';
import { ClientRig } from './client-rig.ts';
import { chart } from './rig.ts';
import { FOOTER } from './samples.ts';

const tests = chart('machines/client: presence');

const HERE: WantedPresence = { available: true, show: null, status: {}, priority: 0 };
const AWAY: WantedPresence = { ...HERE, show: 'away' };

class PresenceRig extends ClientRig {
  want(presence: WantedPresence): this {
    return this.send({ type: 'presence.set', presence });
  }

  get presence(): string {
    return this.snapshot.value.presence;
  }

  /** What was done about presence, starts and stops since this was asked last. */
  deeds(): string[] {
    const told = /^(announcePresence|writePresence|established|resumed|presenceSent|destroyed|stopped)/;
    return this.log().flatMap((line) => told.exec(line)?.[0] ?? []);
  }

  /** From an attempt that was begun to a session. */
  arrive(): this {
    return this.found('a').connect().login().bind().prepared();
  }
}

tests('N-55, N-58: nothing until it is wanted, which starts the client', () => {
  const client = new PresenceRig();
  assert.equal([client.link, client.presence, client.context.presence], ['down', 'hidden', UNAVAILABLE]);
  client.want(HERE);
  assert.equal([client.link, client.presence], ['resolving', 'withheld']);
  assert.equal(client.arrive().deeds(), ['announcePresence', 'established', 'presenceSent']);
  assert.is(client.presence, 'announced');
});

tests('E-9: presenceSent is the last to be told', () => {
  const client = new PresenceRig().want(HERE).arrive();
  assert.equal(
    client.events().map((event) => event.split(' ')[0]),
    ['established', 'online', 'presenceSent'],
  );
});

tests('the latest wish is what goes out first', () => {
  const client = new PresenceRig().want(HERE).found('a').connect() as PresenceRig;
  client.want(AWAY).login().bind().prepared();
  assert.equal(client.deeds(), ['announcePresence', 'established', 'presenceSent']);
  assert.is(client.context.presence, AWAY);
});

tests('another is told at once, the same is not', () => {
  const client = new PresenceRig().want(HERE).arrive();
  client.deeds();
  assert.equal(client.want(HERE).deeds(), []);
  assert.equal(client.want(AWAY).deeds(), ['writePresence', 'presenceSent']);
});

tests('C.8.26: not after a resumption, again in a new session', () => {
  const client = new PresenceRig().want(HERE).arrive();
  client.deeds();
  client.lose().wait().found('a').connect().login();
  client.offer({ bind: true, sm: true }).send({ type: 'sm.resumed', previd: 'previous' });
  assert.equal(client.deeds(), ['resumed']);
  client.lose().wait().found('a').connect().login();
  client.offer({ bind: true, sm: true }).send({ type: 'sm.failed', condition: null });
  assert.is(client.presence, 'withheld');
  client.bind().prepared();
  assert.equal(client.deeds(), ['destroyed', 'announcePresence', 'established', 'presenceSent']);
});

tests('what changed during an interruption is told when it is over', () => {
  const client = new PresenceRig().want(HERE).arrive();
  client.lose().want(AWAY).deeds();
  assert.is(client.presence, 'outdated');
  client.want(HERE).wait().found('a').connect().login();
  client.offer({ bind: true, sm: true }).send({ type: 'sm.resumed', previd: 'previous' });
  assert.equal(client.deeds(), ['resumed', 'writePresence', 'presenceSent']);
});

tests('and in a new session only once', () => {
  const client = new PresenceRig().want(HERE).arrive();
  client.lose().want(AWAY).wait().found('a').connect().login().deeds();
  client.offer({ bind: true, sm: true }).send({ type: 'sm.failed', condition: null });
  client.bind().prepared();
  assert.equal(client.deeds(), ['destroyed', 'announcePresence', 'established', 'presenceSent']);
});

tests('N-56, E-4: an unavailable one is written before the client leaves', () => {
  const client = new PresenceRig().want(HERE).arrive();
  client.deeds();
  client.want(UNAVAILABLE);
  assert.equal([client.link, client.presence], ['connected.leaving', 'hidden']);
  client.send(FOOTER).lose();
  assert.equal(client.deeds(), ['writePresence', 'destroyed', 'stopped']);
  assert.is(client.link, 'down');
});

tests('nobody is there to be told of it during an interruption, nor before a session', () => {
  const suspended = new PresenceRig().want(HERE).arrive();
  suspended.lose().want(AWAY).deeds();
  assert.equal(suspended.want(UNAVAILABLE).deeds(), ['destroyed', 'stopped']);
  const early = new PresenceRig().want(HERE);
  assert.equal(early.want(UNAVAILABLE).deeds(), ['stopped']);
});

tests('N-57, N-59, N-61: start and stop do not change what is wanted', () => {
  const client = new PresenceRig().want(AWAY).arrive();
  client.stop().send(FOOTER).lose();
  assert.equal([client.link, client.presence, client.context.presence], ['down', 'withheld', AWAY]);
  client.deeds();
  client.start().arrive();
  assert.equal(client.deeds(), ['announcePresence', 'established', 'presenceSent']);
});

tests('N-60: the same value again restarts a client that was stopped', () => {
  const client = new PresenceRig().want(AWAY);
  client.stop();
  assert.is(client.link, 'down');
  assert.is(client.want(AWAY).link, 'resolving');
});

tests('who wants to be seen while a run ends gets another run', () => {
  const client = new PresenceRig().want(HERE).arrive();
  (client.stop() as PresenceRig).want(AWAY).want(HERE);
  assert.equal([client.link, client.presence], ['connected.leaving', 'returning']);
  client.send(FOOTER).lose();
  assert.equal([client.link, client.presence], ['resolving', 'withheld']);
  client.arrive().stop();
  client.want(AWAY).want(UNAVAILABLE);
  assert.is(client.presence, 'hidden');
  client.send(FOOTER).lose();
  assert.is(client.link, 'down');
});

tests('and so does who was not to be seen before', () => {
  const client = new PresenceRig().online() as PresenceRig;
  client.stop().want(HERE);
  assert.equal([client.link, client.presence], ['connected.leaving', 'returning']);
  client.send(FOOTER).lose();
  assert.equal([client.link, client.presence], ['resolving', 'withheld']);
});

tests('and who changed nothing but wants it again', () => {
  const client = new PresenceRig().want(HERE).found('a').connect() as PresenceRig;
  client.stop();
  assert.equal([client.link, client.presence], ['connected.leaving', 'withheld']);
  client.want(HERE);
  assert.is(client.presence, 'returning');
  client.send(FOOTER).lose();
  assert.equal([client.link, client.presence], ['resolving', 'withheld']);
});

tests('who stops again does not get another', () => {
  const client = new PresenceRig().want(HERE).arrive();
  client.stop();
  client.want(AWAY).stop();
  assert.is(client.presence, 'withheld');
  client.send(FOOTER).lose();
  assert.is(client.link, 'down');
});

tests('who is online already is seen at once, or when an interruption is over', () => {
  const client = new PresenceRig().online() as PresenceRig;
  assert.equal(client.want(HERE).deeds(), ['writePresence', 'presenceSent']);
  assert.is(client.presence, 'announced');
  const away = new PresenceRig().online() as PresenceRig;
  (away.lose() as PresenceRig).want(HERE);
  assert.is(away.presence, 'outdated');
  away.deeds();
  away.wait().found('a').connect().login();
  away.offer({ bind: true, sm: true }).send({ type: 'sm.resumed', previd: 'previous' });
  assert.equal(away.deeds(), ['resumed', 'writePresence', 'presenceSent']);
});

tests('an app that starts by hand leaves by an unavailable presence, too', () => {
  const client = new PresenceRig().online() as PresenceRig;
  assert.equal(client.deeds(), []);
  client.want(UNAVAILABLE);
  assert.is(client.link, 'connected.leaving');
});

tests('what goes along with presence changed: told at once, or when the interruption is over', () => {
  const client = new PresenceRig().want(HERE).arrive();
  client.deeds();
  assert.equal(client.send({ type: 'presence.refresh' }).deeds(), ['writePresence']);
  client.lose().send({ type: 'presence.refresh' });
  assert.is(client.presence, 'outdated');
  client.stop();
  assert.is(client.presence, 'withheld');
});

tests.run();
