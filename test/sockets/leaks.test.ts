/** C.8.2 and the process around a client: nothing grows, nothing stays, nothing keeps the process alive. */
import { spawn } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import type { AnyActorRef, InspectionEvent } from 'xstate';
import { resources, sleep, sockets } from './rig.ts';

const test = sockets('sockets/leaks');

test('200 reconnects: no more listeners, timers, sockets and actors than after the first', async (rig) => {
  const server = await rig.server();
  const started = new Set<AnyActorRef>();
  const { journal, sockets: cables } = await rig.online(server, {
    inspect: (event: InspectionEvent) => {
      if (event.type === '@xstate.actor') started.add(event.actorRef as AnyActorRef);
    },
  });
  const reconnect = async () => {
    journal.read();
    cables.at(-1)?.destroy();
    await journal.until('online again');
    // The server hears of the end of the old connection in its own time.
    while (server.connections.length > 1) await sleep(1);
  };
  const census = () => {
    const socket = cables.at(-1) as Socket;
    return {
      actors: [...started].filter((actor) => actor.getSnapshot().status === 'active').map(({ id }) => id),
      resources: resources(),
      socket: listeners(socket),
      process: listeners(process),
    };
  };
  await reconnect();
  const before = census();
  for (let times = 1; times < 200; times += 1) await reconnect();
  assert.equal(census(), before);
});

/** How many listen to what. */
function listeners(emitter: EventEmitter): [string, number][] {
  return emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]);
}

test('a process ends by itself when its client has stopped', async () => {
  const script = fileURLToPath(new URL('./child.js', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'exit');
  assert.is(code, 0);
  assert.is(said, 'established\nonline\ndestroyed\nstopped\n');
});

test.run();
