/** Published exchanges, byte for byte, from both sides. */
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { bytes, client, server, text } from './rig.ts';

const test = suite('sasl/vectors');

const VECTORS = [
  {
    source: 'RFC 5802 §5',
    name: 'SCRAM-SHA-1',
    clientNonce: 'fyko+d2lbbFgONRv9qkxdawL',
    serverNonce: '3rfcNHYJY1ZVvWVs7j',
    salt: 'QSXCR+Q6sek8bf92',
    proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    signature: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    source: 'RFC 7677 §3',
    name: 'SCRAM-SHA-256',
    clientNonce: 'rOprNGfwEbeRWgbNEkqO',
    serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
  {
    source: 'Apache Qpid and MongoDB drivers',
    name: 'SCRAM-SHA-512',
    clientNonce: 'rOprNGfwEbeRWgbNEkqO',
    serverNonce: '02431b08-2f89-4bad-a4e6-80c0564ec865',
    salt: 'Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=',
    proof: 'Hc5yec3NmCD7t+kFRw4/3yD6/F3SQHc7AVYschRja+Bc3sbdjlA0eH1OjJc0DD4ghn1tnXN5/Wr6qm9xmaHt4A==',
    signature: 'BQuhnKHqYDwQWS5jAw4sZed+C9KFUALsbrq81bB0mh+bcUUbbMPNNmBIupnS2AmyyDnG5CTBQtkjJ9kyY4kzmw==',
  },
  {
    source: 'computed with the hashlib of Python',
    name: 'SCRAM-SHA-512',
    clientNonce: 'rOprNGfwEbeRWgbNEkqO',
    serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    salt: 'Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=',
    proof: '/3obeUE1tHCJjbQttd+ChF5ox2IU1rNjj2wVDnbQ5LdNT126oy4QgLz2tHw/Uj7Gwb6PRuHOS3HC+45exxT58A==',
    signature: '5AwW78p+EVPirB3A5lrHcvrN8pVKRlR3opLuRoxXrN9ubKokkPzVPzWNNNuBbrtZrv5mpfKZ7+QCDSZWeZQEqw==',
  },
];

for (const { source, name, clientNonce, serverNonce, salt, proof, signature } of VECTORS) {
  const clientFirst = `n,,n=user,r=${clientNonce}`;
  const serverFirst = `r=${clientNonce}${serverNonce},s=${salt},i=4096`;
  const clientFinal = `c=biws,r=${clientNonce}${serverNonce},p=${proof}`;
  const serverFinal = `v=${signature}`;

  test(`${name}, ${source}: our side`, async () => {
    const us = client(name, { nonce: () => clientNonce });
    assert.is(us.name, name);
    assert.is(text(await us.start()), clientFirst);
    assert.is(text(await us.respond(bytes(serverFirst))), clientFinal);
    await us.verify(bytes(serverFinal));
  });

  test(`${name}, ${source}: the test server's side`, async () => {
    const them = server(name, { nonce: () => serverNonce, salt: Buffer.from(salt, 'base64') });
    assert.equal(await them.step(bytes(clientFirst)), { challenge: bytes(serverFirst) });
    assert.equal(await them.step(bytes(clientFinal)), { success: bytes(serverFinal), username: 'user' });
  });
}

test.run();
