import * as assert from 'uvu/assert';
import type { ClientEvents } from '../../src/client/events.ts';
import { attachLogger } from '../../src/client/log.ts';
import { Emitter } from '../../src/emitter.ts';
import type { Logger, LogLevel } from '../../src/logger.ts';
import { NS } from '../../src/namespaces.ts';
import { Message } from '../../src/stanza/message.ts';
import { Tap } from '../../src/stream/tap.ts';
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
  failure: [
    { failure: lost },
    'error failed: network failure (online): cable pulled (check that there is a network, and the host and the port)',
  ],
  stopped: [{}, 'info stopped'],
  handlerError: [{ error: new Error('oh'), element: null }, 'error a handler threw: Error: oh'],
};

for (const [type, [event, line]] of Object.entries(LINES) as [keyof ClientEvents, [object, string]][]) {
  test(`${type} is a line under the JID`, () => {
    const { lines, log } = logger();
    const emitter = new Emitter<ClientEvents>(() => {});
    attachLogger(log, 'debug', 'a@b', emitter, new Tap());
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
  attachLogger(parent, 'debug', 'a@b', emitter, new Tap());
  emitter.emit('stopped', { type: 'stopped' });
  assert.equal(asked, [{ jid: 'a@b' }]);
  assert.equal(lines, ['info child stopped']);
});

test('stanzas are not for the log', () => {
  const { lines, log } = logger();
  const emitter = new Emitter<ClientEvents>(() => {});
  attachLogger(log, 'debug', 'a@b', emitter, new Tap());
  emitter.emit('message', new Message(el('message', {}, el('body', {}, 'secret'))));
  assert.equal(lines, []);
});

test('no more is logged than is asked for', () => {
  const all = ['error', 'warn', 'info', 'debug'];
  for (const [index, level] of all.entries()) {
    const { lines, log } = logger();
    const emitter = new Emitter<ClientEvents>(() => {});
    attachLogger(log, level as LogLevel, 'a@b', emitter, new Tap());
    for (const [type, [event]] of Object.entries(LINES)) emitter.emit(type as 'stopped', { type, ...event } as never);
    assert.equal(new Set(lines.map((line) => line.split(' ')[0])), new Set(all.slice(0, index + 1)));
  }
});

test('the wire is logged at the level trace alone, without its secrets', () => {
  for (const level of ['debug', 'trace'] as const) {
    const { lines, log } = logger();
    const tap = new Tap();
    attachLogger(log, level, 'a@b', new Emitter<ClientEvents>(() => {}), tap);
    tap.show('out', el('auth', { xmlns: NS.sasl, mechanism: 'PLAIN' }, 'aHVudGVyMg=='));
    tap.show('in', el('message', {}, el('body', {}, 'two\nlines')));
    assert.equal(
      lines,
      level === 'debug'
        ? []
        : [
            `debug a@b: out: <auth xmlns="${NS.sasl}" mechanism="PLAIN">…</auth>`,
            'debug a@b: in: <message><body>two lines</body></message>',
          ],
    );
  }
});

test('nobody can forge another line, or write to the terminal', () => {
  const { lines, log } = logger();
  const emitter = new Emitter<ClientEvents>(() => {});
  attachLogger(log, 'debug', 'a@b', emitter, new Tap());
  const text = 'a\nerror a@b: forged\u009b2J\u202edesrever\u2028end';
  emitter.emit('failure', { type: 'failure', failure: failure('stream', 'backoff', { text }) });
  emitter.emit('handlerError', { error: new Error('one\r\ntwo'), element: null });
  assert.equal(lines, [
    'error a@b: failed: stream failure (online): a error a@b: forged 2J desrever end',
    'error a@b: a handler threw: Error: one two',
  ]);
});

test.run();
