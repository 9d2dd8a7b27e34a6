/** Every step of a login at which a server can fall silent or go away, and how to get there. */
import type { Stage } from '../../machines/failure.ts';
import type { ClientOptions, Element } from '../../src/index.ts';
import type { DropKind, Match, Moment } from '../../src/testing/faults.ts';
import type { TestServer } from '../../src/testing/server.ts';
import type { Settings } from '../../src/testing/settings.ts';
import { type Rig, type Subject, sleep } from './rig.ts';

export interface Step {
  readonly name: string;
  /** What a client that is left alone there has to blame. */
  readonly stage: Stage;
  readonly when: () => Moment;
  readonly settings?: Partial<Settings>;
  /** Only a client comes here that was online before. */
  readonly again?: true;
  /** TLS comes first. */
  readonly direct?: true;
}

/** The server does it when it has read this, instead of saying that. */
const before = (match: Match) => (): Moment => ({ direction: 'out', before: match });

/** The nth of its kind on one connection. */
const nth = (name: string, n: number) => (): Moment => {
  let seen = 0;
  return { direction: 'out', before: (element) => element.name === name && ++seen === n };
};

const replyTo = (id: string) => (element: Element) => element.name === 'iq' && element.attr('id') === id;

export const STEPS: readonly Step[] = [
  { name: 'the handshake of direct TLS', stage: 'tls', when: () => 'connect', direct: true },
  { name: 'the header', stage: 'stream', when: before('stream') },
  { name: 'the features', stage: 'stream', when: before('features') },
  { name: '<proceed/>', stage: 'tls', when: before('proceed') },
  { name: 'the handshake', stage: 'tls', when: () => ({ direction: 'out', after: 'proceed' }) },
  { name: 'the header after TLS', stage: 'stream', when: nth('stream', 2) },
  { name: 'the features after TLS', stage: 'stream', when: nth('features', 2) },
  { name: 'the answer to <auth/>', stage: 'auth', when: before('challenge') },
  { name: 'the answer to <response/>', stage: 'auth', when: before('success') },
  { name: 'the header after SASL', stage: 'stream', when: nth('stream', 3) },
  { name: 'the features after SASL', stage: 'stream', when: nth('features', 3) },
  { name: 'the bound resource', stage: 'bind', when: before(replyTo('bind')) },
  { name: '<enabled/>', stage: 'enable', when: before('enabled') },
  { name: 'the session', stage: 'session', when: before(replyTo('session')), settings: { session: 'required' } },
  { name: '<resumed/>', stage: 'resume', when: before('resumed'), again: true },
];

/** A client that has come to a step, where its server has dropped the connection like that. */
export async function reach(
  rig: Rig,
  step: Step,
  drop: DropKind,
  options: Partial<ClientOptions> = {},
): Promise<Subject & { readonly server: TestServer }> {
  const server = await rig.server(step.settings);
  const endpoints = [step.direct ? server.directEndpoint : server.endpoint];
  const subject = rig.client(server, { endpoints, ...options });
  const { client, journal } = subject;
  if (step.again) await client.start();
  const fault = server.faults.add({ drop, when: step.when() });
  if (step.again) {
    server.drop('rst');
    await journal.until('waiting 1 network');
    client.retry();
  } else client.start();
  await fault.fired;
  // The server knows of a connection before the client does.
  while (drop === 'silence' && step.direct && subject.sockets.length === 0) await sleep(1);
  journal.read();
  return { ...subject, server };
}
