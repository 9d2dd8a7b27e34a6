import { once } from 'node:events';
import * as net from 'node:net';
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { dial } from '../../src/transport/tcp.ts';
import { type SecureOptions, secure, securityOf, TlsError, type TlsOptions } from '../../src/transport/tls.ts';
import { suite } from '../harness.ts';
import { authority, type Leaf } from './certificates.ts';
import { leavesNothing, rejection } from './resources.ts';

const { ca, issue } = authority();
const never = new AbortController().signal;

interface Running {
  port: number;
  /** What the server saw of each connection: SNI, ALPN, and the client's certificate. */
  seen: { servername: string | false; alpn: string | false | null; client: string | undefined }[];
}

/** Runs `body` against a TLS server that echoes what it gets. */
async function serving(leaf: Leaf, options: tls.TlsOptions, body: (server: Running) => Promise<void>): Promise<void> {
  const seen: Running['seen'] = [];
  const server = tls.createServer({ ...issue(leaf), ...options }, (socket) => {
    const client = socket.getPeerX509Certificate()?.subject;
    seen.push({ servername: socket.servername ?? false, alpn: socket.alpnProtocol, client });
    socket.on('error', () => {}).pipe(socket);
  });
  server.on('tlsClientError', () => {});
  await running(server, (port) => body({ port, seen }));
}

async function running(server: net.Server, body: (port: number) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await body((server.address() as net.AddressInfo).port);
  } finally {
    server.close();
  }
}

async function connect(port: number, options: Partial<SecureOptions> = {}): Promise<tls.TLSSocket> {
  const socket = await dial({ host: '127.0.0.1', port }, { signal: never });
  return secure(socket, { servername: 'xmpp.test', ca, signal: never, ...options });
}

async function echo(socket: Duplex, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = await once(socket, 'data');
  return String(chunk);
}

/** What came of a handshake: `secured`, or what the TlsError is about, and its code. */
async function outcome(port: number, options: Partial<SecureOptions> = {}): Promise<string> {
  try {
    const socket = await connect(port, options);
    assert.is(await echo(socket, 'hello'), 'hello');
    socket.destroy();
    return 'secured';
  } catch (error) {
    assert.instance(error, TlsError);
    return `${(error as TlsError).about} ${(error as TlsError).code}`;
  }
}

const names = suite('TLS: names');

const UNTRUSTED = 'certificate UNABLE_TO_VERIFY_LEAF_SIGNATURE';
const MISMATCH = 'certificate ERR_TLS_CERT_ALTNAME_INVALID';

names('verifies the JID domain, not the host it is connected to', () =>
  serving({ names: ['localhost'], addresses: ['127.0.0.1'] }, {}, async ({ port }) => {
    assert.is(await outcome(port, { servername: 'xmpp.test' }), MISMATCH);
    assert.is(await outcome(port, { servername: 'localhost' }), 'secured');
  }),
);

names('sends the JID domain as SNI, in A-labels, and no IP address', () =>
  serving(
    { names: ['xmpp.test', 'xn--fuball-cta.test'], addresses: ['127.0.0.1', '::1'] },
    {},
    async ({ port, seen }) => {
      for (const servername of ['xmpp.test', 'fu\u00DFball.test', '127.0.0.1', '[::1]']) {
        assert.is(await outcome(port, { servername }), 'secured', servername);
      }
      assert.equal(
        seen.map(({ servername }) => servername),
        ['xmpp.test', 'xn--fuball-cta.test', false, false],
      );
    },
  ),
);

names('wants an IP address among the addresses of the certificate', () =>
  serving({ names: ['127.0.0.1'] }, {}, async ({ port }) => {
    assert.is(await outcome(port, { servername: '127.0.0.1' }), MISMATCH);
  }),
);

names('never takes the common name for a name (RFC 9525)', () =>
  serving({ commonName: 'xmpp.test' }, {}, async ({ port }) => {
    assert.is(await outcome(port), MISMATCH);
  }),
);

names('takes a wildcard for one label', () =>
  serving({ names: ['*.xmpp.test'] }, {}, async ({ port }) => {
    assert.is(await outcome(port, { servername: 'chat.xmpp.test' }), 'secured');
    assert.is(await outcome(port, { servername: 'xmpp.test' }), MISMATCH);
    assert.is(await outcome(port, { servername: 'a.chat.xmpp.test' }), MISMATCH);
  }),
);

names('takes no wildcard for a part of a label', () =>
  serving({ names: ['c*.xmpp.test'] }, {}, async ({ port }) => {
    assert.is(await outcome(port, { servername: 'chat.xmpp.test' }), MISMATCH);
  }),
);

names('lets the application check in its place, once the chain is verified', () =>
  serving({ names: ['other.test'] }, {}, async ({ port }) => {
    const asked: string[] = [];
    const pinned: TlsOptions['checkServerIdentity'] = (host, certificate) => {
      asked.push(`${host} ${certificate.subjectaltname}`);
      return undefined;
    };
    assert.is(await outcome(port, { checkServerIdentity: pinned }), 'secured');
    assert.equal(asked, ['xmpp.test DNS:other.test']);
    const { ca: stranger } = authority('Stranger');
    assert.is(await outcome(port, { checkServerIdentity: pinned, ca: stranger }), UNTRUSTED);
    assert.is(asked.length, 1);
  }),
);

names('takes an error of the hook, returned or thrown, for a refusal', () =>
  serving({ names: ['xmpp.test'] }, {}, async ({ port }) => {
    const refusal = new Error('not the pinned one');
    const returned = await rejection(connect(port, { checkServerIdentity: () => refusal }));
    const thrown = await rejection(
      connect(port, {
        checkServerIdentity: () => {
          throw refusal;
        },
      }),
    );
    for (const error of [returned, thrown] as TlsError[]) {
      assert.is(error.about, 'certificate');
      assert.is(error.cause, refusal);
      assert.is(error.message, 'not the pinned one');
    }
  }),
);

names.run();

const trust = suite('TLS: trust');

trust('refuses an unknown authority, whatever the environment says', () =>
  serving({ names: ['xmpp.test'] }, {}, async ({ port }) => {
    const { ca: stranger } = authority('Stranger');
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      assert.is(await outcome(port, { ca: stranger }), UNTRUSTED);
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
    assert.is(await outcome(port, { ca: [stranger, ca] }), 'secured');
  }),
);

trust('trusts only the authorities of the system by default', () =>
  serving({ names: ['xmpp.test'] }, {}, async ({ port }) => {
    const socket = await dial({ host: '127.0.0.1', port }, { signal: never });
    const error = (await rejection(secure(socket, { servername: 'xmpp.test', signal: never }))) as TlsError;
    assert.is(error.about, 'certificate');
  }),
);

trust('refuses an expired certificate', () =>
  serving({ names: ['xmpp.test'], notAfter: new Date(Date.now() - 1000) }, {}, async ({ port }) => {
    assert.is(await outcome(port), 'certificate CERT_HAS_EXPIRED');
  }),
);

trust('refuses less than TLS 1.2, even from a context of the application', () => {
  const old: tls.TlsOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
  return serving({ names: ['xmpp.test'] }, old, async ({ port }) => {
    assert.match(await outcome(port), /^handshake ERR_SSL_/);
    const secureContext = tls.createSecureContext({ ca, ...old });
    assert.is(await outcome(port, { secureContext }), 'handshake ERR_SSL_UNSUPPORTED_PROTOCOL');
  });
});

trust('X-20: speaks the versions and ciphers that the options leave', () =>
  serving({ names: ['xmpp.test'] }, {}, async ({ port }) => {
    const protocol = async (options: TlsOptions) => {
      const socket = await connect(port, options);
      const { protocol } = securityOf(socket);
      socket.destroy();
      return protocol;
    };
    assert.is(await protocol({}), 'TLSv1.3');
    assert.is(await protocol({ maxVersion: 'TLSv1.2' }), 'TLSv1.2');
    const ciphers = 'ECDHE-RSA-AES128-GCM-SHA256';
    const socket = await connect(port, { ciphers, maxVersion: 'TLSv1.2' });
    assert.is(socket.getCipher().name, ciphers);
    socket.destroy();
  }),
);

trust('refuses TLS 1.2 when told to', () =>
  serving({ names: ['xmpp.test'] }, { maxVersion: 'TLSv1.2' }, async ({ port }) => {
    assert.match(await outcome(port, { minVersion: 'TLSv1.3' }), /^handshake ERR_SSL_/);
    assert.is(await outcome(port), 'secured');
  }),
);

trust('shows a client certificate', () =>
  serving({ names: ['xmpp.test'] }, { requestCert: true, rejectUnauthorized: false }, async ({ port, seen }) => {
    assert.is(await outcome(port, issue({ commonName: 'juliet' })), 'secured');
    assert.is(seen[0]?.client, 'CN=juliet');
  }),
);

trust('tells unusable options from a bad server', () =>
  serving({ names: ['xmpp.test'] }, {}, async ({ port }) => {
    assert.match(await outcome(port, { ciphers: 'NO-SUCH-CIPHER' }), /^options ERR_/);
    assert.match(await outcome(port, { cert: 'garbage', key: 'garbage' }), /^options ERR_/);
  }),
);

trust.run();

const streams = suite('TLS: streams');

streams('offers ALPN when told to, and goes on when the server selects nothing', async () => {
  const leaf = { names: ['xmpp.test'] };
  const alpn = ['xmpp-client'];
  await serving(leaf, { ALPNProtocols: ['xmpp-client'] }, async ({ port, seen }) => {
    const socket = await connect(port, { alpn });
    assert.is(securityOf(socket).alpn, 'xmpp-client');
    await echo(socket, 'hello');
    socket.destroy();
    assert.is(await outcome(port), 'secured');
    assert.equal(
      seen.map((one) => one.alpn),
      ['xmpp-client', false],
    );
  });
  await serving(leaf, {}, async ({ port }) => {
    const socket = await connect(port, { alpn });
    assert.not('alpn' in securityOf(socket));
    socket.destroy();
  });
});

streams('upgrades a connection that has spoken in clear', () => {
  const context = tls.createSecureContext(issue({ names: ['xmpp.test'] }));
  const server = net.createServer((socket) => {
    socket
      .on('error', () => {})
      .once('data', () => {
        socket.write('<proceed/>');
        new tls.TLSSocket(socket, { isServer: true, secureContext: context })
          .on('error', () => {})
          .once('data', function (this: tls.TLSSocket, chunk: Buffer) {
            this.end(`secret ${chunk}`);
          });
      });
  });
  return running(server, async (port) => {
    const socket = await dial({ host: '127.0.0.1', port }, { signal: never });
    assert.is(await echo(socket, '<starttls/>'), '<proceed/>');
    const secured = await secure(socket, { servername: 'xmpp.test', ca, signal: never });
    assert.is(await echo(secured, 'hello'), 'secret hello');
    secured.destroy();
  });
});

/** A byte stream that is no socket: it passes everything on to one. */
function tunnel(inner: net.Socket): Duplex {
  const outer = new Duplex({
    read: () => inner.resume(),
    write: (chunk, encoding, done) => inner.write(chunk, encoding, done),
    final: (done) => inner.end(done),
    destroy: (error, done) => {
      inner.destroy();
      done(error);
    },
  });
  inner.on('data', (chunk) => outer.push(chunk) || inner.pause());
  inner.on('end', () => outer.push(null));
  inner.on('error', (error) => outer.destroy(error));
  return outer;
}

streams('runs over any Duplex, and closes it in the end', () =>
  serving({ names: ['xmpp.test'] }, {}, ({ port }) =>
    leavesNothing(async () => {
      const inner = await dial({ host: '127.0.0.1', port }, { signal: never });
      const outer = tunnel(inner);
      const socket = await secure(outer, { servername: 'xmpp.test', ca, signal: never });
      assert.is(await echo(socket, 'x'.repeat(100)), 'x'.repeat(100));
      socket.destroy();
      await once(outer, 'close');
      assert.ok(inner.destroyed);
    }),
  ),
);

streams('fails with the error of a Duplex that breaks', async () => {
  const broken = Object.assign(new Error('cable cut'), { code: 'ECONNRESET' });
  const outer = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(broken) });
  assert.is(await rejection(secure(outer, { servername: 'xmpp.test', signal: never })), broken);
  assert.ok(outer.destroyed);
  const quiet = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const pending = rejection(secure(quiet, { servername: 'xmpp.test', signal: never }));
  quiet.destroy();
  assert.is(((await pending) as NodeJS.ErrnoException).code, 'ECONNRESET');
});

streams('describes the connection as plain data', () =>
  serving({ names: ['xmpp.test'] }, { minVersion: 'TLSv1.3' }, async ({ port }) => {
    const socket = await connect(port);
    const security = securityOf(socket);
    assert.equal(securityOf(socket), security);
    assert.equal(JSON.parse(JSON.stringify(security)), security);
    assert.is(security.protocol, 'TLSv1.3');
    assert.match(security.cipher, /^TLS_/);
    assert.is(security.authorized, true);
    assert.is(security.peer.subject, '');
    assert.is(security.peer.issuer, 'CN=Test authority');
    assert.ok(Date.parse(security.peer.validTo) > Date.now());
    assert.match(security.peer.fingerprint256, /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    socket.destroy();
  }),
);

streams('gives a network error when the server leaves in the middle of the handshake', async () => {
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    const server = net.createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket[leave]());
    });
    await running(server, async (port) => {
      const error = await rejection(connect(port));
      assert.not.instance(error, TlsError);
      assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET');
    });
  }
});

streams('gives a handshake error when the server does not speak TLS', () => {
  const server = net.createServer((socket) => socket.on('error', () => {}).end("<stream:stream version='1.0'>"));
  return running(server, async (port) => {
    assert.match(await outcome(port), /^handshake /);
  });
});

streams('an abort leaves nothing open', () => {
  const deaf = net.createServer((socket) => socket.on('error', () => {}).resume());
  return running(deaf, (port) =>
    leavesNothing(async () => {
      const reason = new Error('enough');
      for (const turn of [(abort: () => void) => abort(), setImmediate]) {
        const controller = new AbortController();
        const socket = await dial({ host: '127.0.0.1', port }, { signal: never });
        const pending = rejection(secure(socket, { servername: 'xmpp.test', signal: controller.signal }));
        turn(() => controller.abort(reason));
        assert.is(await pending, reason);
        assert.ok(socket.destroyed);
      }
      const socket = await dial({ host: '127.0.0.1', port }, { signal: never });
      const signal = AbortSignal.abort(reason);
      assert.is(await rejection(secure(socket, { servername: 'xmpp.test', signal })), reason);
      assert.ok(socket.destroyed);
    }),
  );
});

streams('an abort after the handshake means nothing', () =>
  serving({ names: ['xmpp.test'] }, {}, async ({ port }) => {
    const controller = new AbortController();
    const socket = await connect(port, { signal: controller.signal });
    controller.abort();
    assert.is(await echo(socket, 'still here'), 'still here');
    assert.is(socket.listenerCount('secureConnect'), 0);
    socket.destroy();
  }),
);

streams('every refusal closes the connection', () =>
  serving({ names: ['other.test'] }, {}, ({ port }) => leavesNothing(async () => void (await outcome(port)))),
);

streams.run();
