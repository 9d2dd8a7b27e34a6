/** N-53: services and what becomes of them. */
import * as assert from 'uvu/assert';
import { type InspectionEvent, setup } from 'xstate';
import { type Service, ServiceCycleError, type ServiceHost, StateError, xml } from '../../src/index.ts';
import { sockets } from './rig.ts';

const test = sockets('sockets/services');

const counter = setup({ types: { input: {} as { name: string } } }).createMachine({
  id: 'counter',
  initial: 'counting',
  states: { counting: { on: { stop: 'done' } }, done: {} },
});

test('N-53: one instance a client, those that are needed first', async (rig) => {
  const server = await rig.server();
  const made: string[] = [];
  const service = (name: string, ...needs: Service<unknown>[]): Service<{ name: string }> => ({
    name,
    needs,
    create: () => {
      made.push(name);
      return { name };
    },
  });
  const base = service('base');
  const middle = service('middle', base);
  const top = service('top', middle, base);
  const { client } = rig.client(server);
  const instance = client.use(top);
  assert.equal(made, ['base', 'middle', 'top']);
  assert.is(client.use(top), instance);
  assert.is(client.use(base).name, 'base');
  assert.throws(
    () => client.remove(base),
    (error: unknown) => error instanceof StateError && /middle/.test(error.message),
  );
  client.remove(top);
  assert.is.not(client.use(top), instance);
});

test('N-53: a circle is refused by name', async (rig) => {
  const { client } = rig.client(await rig.server());
  const one = { name: 'one', needs: [] as Service<unknown>[], create: () => ({}) };
  const two: Service<unknown> = { name: 'two', needs: [one], create: () => ({}) };
  one.needs.push(two);
  assert.throws(
    () => client.use(one),
    (error: unknown) => error instanceof ServiceCycleError && error.names.join() === 'one,two,one',
  );
});

test('what a service registers goes with it', async (rig) => {
  const server = await rig.server();
  const heard: string[] = [];
  const service: Service<void> = {
    name: 'pong',
    create(host) {
      host.handle('get', 'urn:example:pong', 'query', () => undefined);
      host.on('message', ({ body }) => heard.push(body ?? ''));
      host.filter('inbound', (stanza) => stanza.with({ 'data-seen': 'yes' }));
      host.beforeEstablished(() => heard.push('hook'));
    },
  };
  const { client } = await rig.client(server);
  client.use(service);
  await client.start();
  const ask = () => client.request(xml`<iq type="get" to="${client.jid}"><query xmlns="urn:example:pong"/></iq>`);
  await ask();
  const echo = client.once('message');
  client.send(xml`<message to="${client.jid}"><body>hi</body></message>`);
  assert.is((await echo).element.attr('data-seen'), 'yes');
  assert.equal(heard, ['hook', 'hi']);
  client.remove(service);
  await ask().then(
    () => assert.unreachable(),
    (error) => assert.is(error.condition, 'service-unavailable'),
  );
});

test('a message that a service claims is told to nobody else', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server);
  const heard: string[] = [];
  client.on('message', ({ body }) => heard.push(body ?? ''));
  const claiming: Service<void> = {
    name: 'claiming',
    create(host) {
      host.claimMessages(({ body }) => {
        if (body === 'bad') throw new Error('bad');
        return body === 'mine';
      });
    },
  };
  client.use(claiming);
  const say = async (...bodies: string[]) => {
    const last = client.once('message', { where: ({ body }) => body === 'end' });
    for (const body of [...bodies, 'end']) client.send(xml`<message to="${client.jid}"><body>${body}</body></message>`);
    await last;
    return heard.splice(0);
  };
  assert.equal(await say('mine', 'bad', 'yours'), ['yours', 'end']);
  assert.ok(journal.read().includes('handlerError Error: bad'));
  client.remove(claiming);
  assert.equal(await say('mine'), ['mine', 'end']);
});

test('a nonza is written while stanzas flow, and is no stanza', async (rig) => {
  const server = await rig.server();
  const { client } = rig.client(server);
  const service: Service<ServiceHost> = { name: 'host', create: (host) => host };
  const host = client.use(service);
  const nonza = xml`<r xmlns="urn:xmpp:sm:3"/>`;
  assert.is(host.writeNonza(nonza), false);
  await client.start();
  const seen = server.next(({ name }) => name === 'r');
  const { sent } = client.delivery;
  assert.is(host.writeNonza(nonza), true);
  await seen;
  assert.is(client.delivery.sent, sent);
  assert.throws(() => host.writeNonza(xml`<message/>`), /no nonza/);
  await client.stop();
  assert.is(host.writeNonza(nonza), false);
});

test('events of a service: a listener that fails is reported and harms nobody', async (rig) => {
  const { client, journal } = rig.client(await rig.server());
  const service = {
    name: 'telling',
    create: (host: ServiceHost) => host.emitter<{ told: number }>(),
  };
  const emitter = client.use(service);
  const heard: number[] = [];
  emitter.on('told', () => {
    throw new Error('deaf');
  });
  emitter.on('told', (number) => heard.push(number));
  emitter.emit('told', 7);
  assert.equal(heard, [7]);
  assert.equal(journal.read(), ['handlerError Error: deaf']);
});

test('a service that cannot be made leaves nothing behind', async (rig) => {
  const { client } = rig.client(await rig.server());
  const broken: Service<void> = {
    name: 'broken',
    create(host) {
      host.handle('get', 'urn:example:pong', 'query', () => undefined);
      throw new Error('no');
    },
  };
  assert.throws(() => client.use(broken), 'no');
  client.handle('get', 'urn:example:pong', 'query', () => undefined);
});

test('a machine lives as long as the session: through interruptions, and anew in the next', async (rig) => {
  const server = await rig.server();
  const seen: string[] = [];
  const inspect = (event: InspectionEvent) => {
    const { actorRef } = event as unknown as { actorRef: { id: string; _parent?: { id: string } } };
    if (event.type === '@xstate.actor' && actorRef.id === 'counting') seen.push(actorRef._parent?.id ?? '-');
  };
  const service: Service<{ readonly state: unknown }> = {
    name: 'counting',
    create(host) {
      const actor = host.perSession(counter, () => ({ name: 'x' }));
      return {
        get state() {
          return actor.ref?.getSnapshot().value ?? null;
        },
      };
    },
  };
  const { client, sockets, journal } = rig.client(server, { inspect });
  const counting = client.use(service);
  assert.is(counting.state, null);
  await client.start();
  assert.is(counting.state, 'counting');
  sockets.at(-1)?.destroy();
  await journal.until('online again');
  assert.equal(seen, ['services']);
  await client.stop();
  assert.is(counting.state, null);
  await client.start();
  assert.equal(seen, ['services', 'services']);
  client.remove(service);
  assert.is(counting.state, null);
  client.use(service);
  assert.equal(seen.length, 3);
});

test('a machine that breaks down is reported and harms nobody', async (rig) => {
  const server = await rig.server();
  const broken = setup({ types: { input: {} as { name: string } } }).createMachine({
    initial: 'one',
    states: {
      one: {
        entry: () => {
          throw new Error('broken');
        },
      },
    },
  });
  const { client, journal } = rig.client(server);
  client.use({ name: 'broken', create: (host) => host.perSession(broken, () => ({ name: 'x' })) });
  await client.start();
  await client.request(xml`<iq type="get" to="${server.domain}"><ping xmlns="urn:xmpp:ping"/></iq>`).catch(() => {});
  assert.ok(journal.read().includes('handlerError Error: broken'));
  assert.is(client.phase, 'online');
});

test.run();
