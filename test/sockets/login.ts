/** For tests of what comes before a session: a client that has one server and nothing else, and how its runs fail. */
import type { Failure } from '../../machines/failure.ts';
import type { ClientOptions, ConnectionError } from '../../src/index.ts';
import type { TestServer } from '../../src/testing/server.ts';
import type { Subject } from './rig.ts';

export const DOMAIN = 'xmpp.test';

/** Romeo at a domain whose records say that there is no other way in, so that it is the endpoint that a run fails with. */
export const ALONE = {
  jid: `romeo@${DOMAIN}`,
  resolveSrv: async () => [{ name: '.', port: 0, priority: 0, weight: 0 }],
} satisfies Partial<ClientOptions>;

/** Starts a client that must not get in, and says what stopped it. */
export async function failure({ client }: Pick<Subject, 'client'>): Promise<Failure> {
  const error = await client.start().then(
    () => new Error('it came online'),
    (error) => error,
  );
  const { failure } = error as ConnectionError;
  if (failure === undefined) throw error;
  return failure;
}

/** What tells failures apart: `auth not-authorized user`. A condition that is missing is `-`. */
export function verdict({ kind, condition, retry }: Failure): string {
  return `${kind} ${condition ?? '-'} ${retry}`;
}

/** Every `<auth/>` that a server was sent: the mechanism, and in words what came with it. It needs the option `log`. */
export function auths(server: TestServer): string[] {
  return server.log
    .filter(({ direction, element }) => direction === 'in' && element.name === 'auth')
    .map(({ element }) => `${element.attr('mechanism')} ${Buffer.from(element.text, 'base64')}`);
}
