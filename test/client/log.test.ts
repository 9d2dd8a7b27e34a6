import * as assert from 'uvu/assert';
import type { ClientEvents } from '../../src/client/events.ts';
import { attachLogger } from '../../src/client/log.ts';
import { Emitter } from '../../src/emitter.ts';
import type { Logger } from '../../src/logger.ts';
import { Message } from '../../src/stanza/message.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { failure } from '../machines/samples.ts';

const test = suite('client/log');

/** A logger that keeps its lines. */
function logger(prefix = '') {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level} ${prefix}${message}`);
  return {
    lines,
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } satisfies Logger,
  };
}

const lost = failure('network', 'backoff', { text: 'cable pulled' });

const LINES: { [T in keyof ClientEvents]?: [event: Omit<ClientEvents[T], 'type'>, line: string] } = {
  established: [{ jid: 'a@b/c' }, 'info established as a@b/c'],
  resumed: [{ jid: 'a@b/c' }, 'info resumed'],
  online: [{ jid: 'a@b/c', resumed: true, gapMs: 5 }, 'debug online after 5 ms'],
  suspended: [{ reason: lost }, 'warn suspended: network failure (online): cable pulled'],
  destroyed: [{ reason: null }, 'info session destroyed'],
  waiting: [
    { attempt: 2, delay: 100, reason: lost },
    'warn attempt 2 in 100 ms: network failure (online): cable pulled',
  ],
  failure: [{ failure: lost }, 'error failed: network failure (online): cable pulled'],
  stopped: [{}, 'info stopped'],
  handlerError: [{ error: new Error('oh'), element: null }, 'error a handler threw: Error: oh'],
};

for (const [type, [event, line]] of Object.entries(LINES) as [keyof ClientEvents, [object, string]][]) {
  test(`${type} is a line under the JID`, () => {
    const { lines, log } = logger();
    const emitter = new Emitter<ClientEvents>(() => {});
    attachLogger(log, 'a@b', emitter);
    emitter.emit(type, { type, ...event } as never);
    const [level, ...rest] = line.split(' ');
    assert.equal(lines, [`${level} a@b: ${rest.join(' ')}`]);
  });
}

test('N-07: a logger that can make others is asked for one', () => {
  const { lines, log } = logger('child ');
  const asked: unknown[] = [];
  const parent = {
    ...logger().log,
    child: (bindings: object) => {
      asked.push(bindings);
      return log;
    },
  };
  const emitter = new Emitter<ClientEvents>(() => {});
  attachLogger(parent, 'a@b', emitter);
  emitter.emit('stopped', { type: 'stopped' });
  assert.equal(asked, [{ jid: 'a@b' }]);
  assert.equal(lines, ['info child stopped']);
});

test('stanzas are not for the log', () => {
  const { lines, log } = logger();
  const emitter = new Emitter<ClientEvents>(() => {});
  attachLogger(log, 'a@b', emitter);
  emitter.emit('message', new Message(el('message', {}, el('body', {}, 'secret'))));
  assert.equal(lines, []);
});

test.run();
