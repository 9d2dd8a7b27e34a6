import { type TestServer, type TestServerOptions, testServer } from '../../src/testing/server.ts';
import { type LoginOptions, RawClient } from './raw-client.ts';

/** A server and clients that are gone when the body is done; defects of the server fail the test. */
export async function withServer(
  options: TestServerOptions,
  body: (
    server: TestServer,
    connect: (how?: 'tcp' | 'direct') => Promise<RawClient>,
    online: (resource?: string, login?: LoginOptions) => Promise<RawClient & { jid: string }>,
  ) => Promise<void>,
): Promise<void> {
  const server = await testServer({ accounts: { romeo: 'secret', juliet: 'secret' }, ...options });
  const clients: RawClient[] = [];
  const connect = async (how: 'tcp' | 'direct' = 'tcp') => {
    const client =
      how === 'tcp'
        ? await RawClient.tcp(server.port, server.domain)
        : await RawClient.direct(server.directPort, { ca: server.ca }, server.domain);
    clients.push(client);
    return client;
  };
  const online = async (resource?: string, login?: LoginOptions) => {
    const client = await connect();
    await client.login(server.ca, login);
    return Object.assign(client, { jid: await client.bind(resource) });
  };
  try {
    await body(server, connect, online);
    if (server.errors.length > 0) throw server.errors[0];
  } finally {
    for (const client of clients) client.destroy();
    await server.close();
  }
}
