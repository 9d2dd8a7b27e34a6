/** N-47: what hooks send, and what becomes of it when their connection breaks under them. */
import * as assert from 'uvu/assert';
import { el, type Preparation } from '../../src/index.ts';
import { sockets } from './rig.ts';

const test = sockets('sockets/hooks');

const numbered = (to: string, body: string) => el('message', { to }, el('body', {}, body));

test('what was queued for a first session waits for the next when hooks are cut off (N-35)', async (rig) => {
  const server = await rig.server();
  const { client, sockets } = rig.client(server);
  let cut = false;
  client.beforeEstablished(async ({ signal }) => {
    if (cut) return;
    cut = true;
    sockets.at(-1)?.destroy();
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  });
  const started = client.start();
  const token = client.send(numbered('juliet@localhost', 'waits'));
  const answer = client.request(el('iq', { type: 'get' }, el('ping', { xmlns: 'urn:xmpp:ping' })));
  await started;
  assert.is(await token, 'acked');
  await answer;
});

test('what hooks sent is theirs to send again, also with resend', async (rig) => {
  const server = await rig.server();
  const juliet = await rig.online(server, { jid: 'juliet@localhost/balcony' });
  const heard: (string | undefined)[] = [];
  juliet.client.on('message', ({ body }) => heard.push(body));
  const { client, sockets } = rig.client(server, { streamManagement: { onResumeRefused: 'resend' } });
  let times = 0;
  client.beforeEstablished(async ({ send, signal }) => {
    times += 1;
    const token = send(numbered('juliet@localhost/balcony', `from hook ${times}`));
    if (times === 2) return;
    sockets.at(-1)?.destroy();
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    assert.ok(['lost', 'unconfirmed'].includes(token.state), token.state);
  });
  await client.start();
  await client.send(numbered('juliet@localhost/balcony', 'from the client'));
  while (!heard.includes('from the client')) await juliet.client.once('message');
  assert.equal(heard.slice(-2), ['from hook 2', 'from the client']);
  assert.is(heard.filter((body) => body === 'from hook 1').length <= 1, true);
});

test('what a hook sends when nobody waits for it any more goes the way of everything else', async (rig) => {
  const server = await rig.server();
  const { client } = rig.client(server);
  let kept: Preparation | undefined;
  client.beforeEstablished((preparation) => {
    kept = preparation;
  });
  await client.start();
  assert.is(await kept?.send(numbered('juliet@localhost', 'late')), 'acked');
  await client.stop();
  const token = kept?.send(numbered('juliet@localhost', 'too late'));
  assert.is(token?.state, 'failed');
});

test('a hook cannot send what is no stanza', async (rig) => {
  const server = await rig.server();
  const { client } = rig.client(server);
  let state: string | undefined;
  client.beforeEstablished(({ send }) => {
    state = send(el('r', { xmlns: 'urn:xmpp:sm:3' })).state;
  });
  await client.start();
  assert.is(state, 'failed');
  assert.is(client.delivery.unacked, 0);
});

test.run();
