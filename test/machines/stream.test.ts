import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type StreamMachineEvent, streamMachine } from '../../machines/stream.ts';
import { chart, Rig, untaken } from './rig.ts';
import { ENDED, FOOTER, failure, reset } from './samples.ts';

const INPUT = { timeout: 60_000, shutdown: 5_000 };
const LINGER = 1_000;

const connected: StreamMachineEvent = { type: 'transport.connected', security: null };
const ended: StreamMachineEvent = ENDED;
const lost: StreamMachineEvent = { type: 'transport.lost', failure: reset };
const header: StreamMachineEvent = { type: 'stream.header', id: 'x', fault: null };
const badHeader: StreamMachineEvent = { type: 'stream.header', id: 'x', fault: 'unsupported-version' };
const footer: StreamMachineEvent = FOOTER;
const streamError: StreamMachineEvent = {
  type: 'stream.error',
  failure: failure('stream', 'backoff', { condition: 'system-shutdown' }),
  redirect: null,
};
const violation: StreamMachineEvent = {
  type: 'stream.violation',
  failure: failure('protocol', 'backoff', { condition: 'not-well-formed' }),
  error: { condition: 'not-well-formed' },
};
const restart: StreamMachineEvent = { type: 'reset' };
const close: StreamMachineEvent = { type: 'close', failure: null, error: null };
const closeInAnger: StreamMachineEvent = {
  type: 'close',
  failure: failure('policy', 'user'),
  error: { condition: 'policy-violation' },
};
const abort: StreamMachineEvent = { type: 'abort', failure: failure('timeout') };

/** A stream after `events`, with an empty log. */
function stream(...events: StreamMachineEvent[]): Rig<typeof streamMachine> {
  const rig = new Rig(streamMachine, INPUT).send(...events);
  rig.log();
  return rig;
}

/** The condition or kind of what a stream has ended with. */
const blamed = (rig: Rig<typeof streamMachine>) => rig.context.cause?.condition ?? rig.context.cause?.kind ?? null;

const tests = chart('machines/stream');

tests('a stream goes from its header to its footer', () => {
  const rig = new Rig(streamMachine, INPUT);
  assert.is(rig.state, 'READY');
  assert.is(rig.send(connected).state, 'CONNECTED.STREAM_HEADER_SENT');
  assert.is(rig.send(header).state, 'CONNECTED.OPEN');
  assert.is(rig.send(close).state, 'CLOSING');
  assert.is(rig.send(footer).state, 'CLOSING_STREAM_FOOTER_RECEIVED');
  assert.is(rig.send(lost).state, 'CLOSED');
  assert.equal(rig.output, { cause: null });
  assert.equal(rig.log(), ['write header', 'write footer', 'closeTransport']);
});

tests('a reset is a new header on the same connection', () => {
  const rig = stream(connected, header, restart);
  assert.is(rig.state, 'CONNECTED.STREAM_HEADER_SENT');
  assert.is(rig.send(header).state, 'CONNECTED.OPEN');
});

type Row = [event: StreamMachineEvent, state: string, cause: string | null, log: string[]];

/** Every event that may end a stream, in a state it may end in. */
const ENDS: Record<string, { path: StreamMachineEvent[]; rows: Row[] }> = {
  READY: {
    path: [],
    rows: [
      [close, 'CLOSED', null, []],
      [closeInAnger, 'CLOSED', 'policy', []],
      [lost, 'CLOSED', 'network', []],
      [abort, 'CLOSED', 'timeout', []],
    ],
  },
  STREAM_HEADER_SENT: {
    path: [connected],
    rows: [
      [badHeader, 'CLOSING', 'unsupported-version', ['write error unsupported-version', 'write footer']],
      [streamError, 'CLOSING', 'system-shutdown', ['write footer']],
      [violation, 'CLOSING', 'not-well-formed', ['write error not-well-formed', 'write footer']],
      [footer, 'CLOSING_STREAM_FOOTER_RECEIVED', 'stream', ['write footer', 'closeTransport']],
      [ended, 'CLOSING_STREAM_FOOTER_RECEIVED', 'network', ['closeTransport']],
      [close, 'CLOSING_STREAM_FOOTER_RECEIVED', null, ['write footer', 'closeTransport']],
      [closeInAnger, 'CLOSING', 'policy', ['write error policy-violation', 'write footer']],
      [lost, 'CLOSED', 'network', []],
      [abort, 'CLOSED', 'timeout', []],
    ],
  },
  OPEN: {
    path: [connected, header],
    rows: [
      [streamError, 'CLOSING', 'system-shutdown', ['write footer']],
      [violation, 'CLOSING', 'not-well-formed', ['write error not-well-formed', 'write footer']],
      [footer, 'CLOSING_STREAM_FOOTER_RECEIVED', 'stream', ['write footer', 'closeTransport']],
      [ended, 'CLOSING_STREAM_FOOTER_RECEIVED', 'network', ['closeTransport']],
      [close, 'CLOSING', null, ['write footer']],
      [closeInAnger, 'CLOSING', 'policy', ['write error policy-violation', 'write footer']],
      [lost, 'CLOSED', 'network', []],
      [abort, 'CLOSED', 'timeout', []],
    ],
  },
  CLOSING: {
    path: [connected, header, streamError],
    rows: [
      [footer, 'CLOSING_STREAM_FOOTER_RECEIVED', 'system-shutdown', ['closeTransport']],
      [ended, 'CLOSING_STREAM_FOOTER_RECEIVED', 'system-shutdown', ['closeTransport']],
      [violation, 'CLOSING', 'system-shutdown', []],
      [closeInAnger, 'CLOSING', 'system-shutdown', []],
      [lost, 'CLOSED', 'system-shutdown', []],
      [abort, 'CLOSED', 'system-shutdown', []],
    ],
  },
  CLOSING_STREAM_FOOTER_RECEIVED: {
    path: [connected, header, close, footer],
    rows: [
      [footer, 'CLOSING_STREAM_FOOTER_RECEIVED', null, []],
      [ended, 'CLOSING_STREAM_FOOTER_RECEIVED', null, []],
      [lost, 'CLOSED', null, []],
      [abort, 'CLOSED', null, []],
    ],
  },
};

for (const [state, { path, rows }] of Object.entries(ENDS)) {
  tests(`${state} may end, and the first cause is the cause`, () => {
    for (const [event, next, cause, log] of rows) {
      const rig = stream(...path).send(event);
      assert.equal([rig.state, blamed(rig), rig.log()], [next, cause, log], JSON.stringify(event));
    }
  });
}

tests('nobody is waited for longer than agreed', () => {
  const dialing = stream().pass(INPUT.timeout - 1);
  assert.is(dialing.state, 'READY');
  assert.is(dialing.pass(1).state, 'CLOSED');
  assert.equal([dialing.output.cause?.kind, dialing.output.cause?.stage], ['timeout', 'connect']);
  const { cause } = stream({ type: 'transport.securing' }).pass(INPUT.timeout).output;
  assert.equal([cause?.kind, cause?.stage], ['timeout', 'tls']);

  const greeting = stream(connected).pass(INPUT.timeout);
  assert.equal([greeting.state, greeting.log()], ['CLOSING', ['write footer']]);
  assert.equal([greeting.context.cause?.kind, greeting.context.cause?.stage], ['timeout', 'stream']);

  const closing = stream(connected, header, close).pass(INPUT.shutdown - 1);
  assert.is(closing.state, 'CLOSING');
  assert.is(closing.pass(1).state, 'CLOSED');

  assert.is(stream(connected, header, close, footer).pass(LINGER).state, 'CLOSED');
});

tests('every transition was taken', () => {
  assert.equal(untaken(streamMachine), []);
});

tests('C.8, 11: whatever comes, states only move forward, nothing follows the footer, and closing ends', () => {
  const order = [
    'READY',
    'CONNECTED.STREAM_HEADER_SENT',
    'CONNECTED.OPEN',
    'CLOSING',
    'CLOSING_STREAM_FOOTER_RECEIVED',
  ];
  const rank = (rig: Rig<typeof streamMachine>) => (rig.state === 'CLOSED' ? order.length : order.indexOf(rig.state));
  const inbound = [connected, ended, lost, header, badHeader, footer, streamError, violation];
  const ours = [restart, close, closeInAnger, abort];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...inbound, ...ours), { maxLength: 12 }), (events) => {
      const rig = new Rig(streamMachine, INPUT);
      for (const event of [connected, ...events]) {
        if (rig.state === 'CLOSED') break;
        const before = rank(rig);
        rig.send(event);
        assert.ok(rank(rig) >= before || event === restart, `${event.type} leads back to ${rig.state}`);
      }
      if (rig.state !== 'CLOSED') rig.send(close).pass(INPUT.shutdown + LINGER);
      assert.is(rig.state, 'CLOSED');
      const transcript = rig.log().join(', ');
      assert.match(
        transcript,
        /^(write header(, )?)+(write error [a-z-]+, (?=write))?(write footer)?(, )?(closeTransport)?$/,
      );
    }),
    { numRuns: 500, includeErrorInReport: true },
  );
});

tests.run();
