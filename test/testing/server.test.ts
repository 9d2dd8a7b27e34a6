import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { withServer } from './fixture.ts';

const test = suite('test server: sessions');

test('a session over STARTTLS', () =>
  withServer({}, async (server, connect) => {
    const client = await connect();
    const features = await client.open();
    assert.is(client.header.attr('from'), 'localhost');
    assert.is(
      String(features),
      `<features xmlns="http://etherx.jabber.org/streams"><starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><required/></starttls></features>`,
    );
    await client.startTls({ ca: server.ca });
    await client.open(" from='romeo@localhost'");
    assert.is(client.header.attr('to'), 'romeo@localhost');
    assert.is(await client.authenticate(), 'success');
    await client.open();
    assert.is(await client.bind('orchard'), 'romeo@localhost/orchard');
    assert.is(server.session('romeo@localhost/orchard')?.connection, server.connections[0]);
  }));

test.run();
