/**
 * Transitions that the client does not take while the machines below it are the real ones, and why they are there all the
 * same. Each of them is taken when its machine is explored by itself.
 */
const DEFECT = 'no machine below throws or gives up; if one ever did by a defect, the run must not end with it';
const UNHURRIED = 'the client aborts only a stream that is open, but `abort` has to end one in every state';
const IN_TIME =
  'the stream ends in time by itself, but for a server whose farewell is late and which reads no more (chaos/life)';

export const unreachable: Readonly<Record<string, string>> = {
  'client.link.connected --xstate.error.actor.*[0]': DEFECT,
  'client.link.connected --xstate.error.actor.*[1]': DEFECT,
  'client.link.connected.leaving --xstate.after.stopTime.client.link.connected.leaving[0]': IN_TIME,
  'stream.CLOSING --abort[0]': UNHURRIED,
  'stream.CLOSING_STREAM_FOOTER_RECEIVED --abort[0]': UNHURRIED,
};
