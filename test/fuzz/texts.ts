/** What is not XML, or not any more: addresses, and the messages of SCRAM. */
import { createHmac, pbkdf2Sync } from 'node:crypto';
import { escapeLocal, JID, JidError, unescapeLocal } from '../../src/jid.ts';
import { Scram } from '../../src/sasl/scram.ts';
import { SaslError } from '../../src/sasl/types.ts';
import { mutateBytes } from './mutate.ts';
import { toBytes, utf8 } from './pieces.ts';
import { expecting, hold, type Target } from './target.ts';

/** Bytes a part may have. RFC 7622 §3.1 */
const MAX_PART = 1023;

function checkJid(binary: string): void {
  // Half a surrogate pair cannot come from UTF-8, but from an application.
  const text = binary.startsWith('\xff')
    ? toBytes(binary.slice(1)).toString('utf16le')
    : toBytes(binary).toString('utf8');
  const jid = expecting(() => JID.parse(text), JidError);
  if (jid === null) return;
  const { local, domain, resource } = jid;
  for (const part of [local, domain, resource]) {
    if (part === undefined) continue;
    hold(part !== '' && Buffer.byteLength(part) <= MAX_PART, 'a part that is empty or too long');
    hold(!/\p{Surrogate}/u.test(part), 'half a surrogate pair in a part');
  }
  const again = JID.parse(jid.toString());
  hold(
    again.toString() === jid.toString() &&
      again.local === local &&
      again.domain === domain &&
      again.resource === resource,
    'its normal form is read as something else',
  );
  hold(JID.of(local, domain, resource).equals(jid) && jid.equals(text), 'it does not equal itself');
  hold(
    jid.bare.resource === undefined && jid.bare.toString() === JID.parse(jid.bare.toString()).toString(),
    'a bad bare JID',
  );
  if (local !== undefined) {
    const shown = unescapeLocal(local);
    const escaped = expecting(() => escapeLocal(shown), JidError);
    hold(escaped === null || unescapeLocal(escaped) === shown, 'an escape that is not undone');
  }
}

export const jids: Target = {
  name: 'jid',
  seeds: [
    'romeo@example.org/orchard',
    'EXAMPLE.org',
    '[2001:db8::1]/x',
    '192.0.2.1',
    'a\\20b@example.org/ @/',
    utf8('königin@bücher.example/Straße'),
    utf8('ЁЖИК@пример.example/\u0627\u0628'),
    utf8('ﬀ@xn--bcher-kva.example/\u00a0x'),
    utf8('·l·l@example.org/\u200d\u30fb'),
    `${'x'.repeat(1023)}@example.org/${'y'.repeat(1023)}`,
  ],
  mutate: mutateBytes,
  code: /\/src\/(?:jid|idna|precis)\./,
  run: checkJid,
};

const PASSWORD = 'pencil';
const NONCE = 'rOprNGfwEbeRWgbNEjiZ0Q';
const MAX_ITERATIONS = 64;
/** For messages that are to be right: what stands there is the signature. */
const SIGNATURE = 'SIGNATURE';

/** The signature that a server shows who knows the password. RFC 5802 §3 */
function signature(serverFirst: Buffer, clientFinal: string): string {
  const [, salt = '', count = ''] = /^[^,]*,s=([^,]*),i=(\d+)/.exec(serverFirst.toString('latin1')) ?? [];
  const salted = pbkdf2Sync(PASSWORD, Buffer.from(salt, 'base64'), Number(count), 32, 'sha256');
  const key = createHmac('sha256', salted).update('Server Key').digest();
  const first = Buffer.from(`n=user,r=${NONCE},`);
  const withoutProof = Buffer.from(`,${clientFinal.replace(/,p=.*/, '')}`);
  return createHmac('sha256', key)
    .update(Buffer.concat([first, serverFirst, withoutProof]))
    .digest('base64');
}

/** An exchange whose server says one line after the other, the last with its success. */
async function checkScram(text: string): Promise<void> {
  const [serverFirst = '', ...finals] = text.split('\n');
  const scram = new Scram('SCRAM-SHA-256', {
    username: 'user',
    password: PASSWORD,
    binding: null,
    gs2: 'n',
    nonce: () => NONCE,
    minIterations: 1,
    maxIterations: MAX_ITERATIONS,
  });
  let expected: string | null = null;
  let proved = false;
  try {
    await scram.start();
    const clientFinal = Buffer.from(await scram.respond(toBytes(serverFirst))).toString();
    hold(/^c=[\w+/=]+,r=[!-+\--~]+,p=[\w+/]{43}=$/.test(clientFinal), 'a bad answer');
    hold(
      clientFinal.includes(`,r=${NONCE}`) && Number(/,i=(\d+)/.exec(serverFirst)?.[1]) <= MAX_ITERATIONS,
      'a bad bargain',
    );
    expected = signature(toBytes(serverFirst), clientFinal);
    const said = finals.map((final) => final.replace(SIGNATURE, expected as string));
    proved = said.some((final) => final.startsWith(`v=${expected}`));
    for (const challenge of said.slice(0, -1)) await scram.respond(toBytes(challenge));
    await scram.verify(said.length === 0 ? null : toBytes(said.at(-1) as string));
  } catch (error) {
    hold(error instanceof SaslError, `an error of another kind: ${error}`);
    hold(!error.message.includes(PASSWORD), 'the password in an error');
    return;
  }
  hold(proved, 'accepted without the signature');
}

export const scram: Target = {
  name: 'scram',
  seeds: [
    `r=${NONCE}extended,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=16\nv=${SIGNATURE}`,
    `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=QSXCR+Q6sek8bf92,i=4,x=ext\nv=${SIGNATURE},x=ext\n`,
    `r=${NONCE}x,s=,i=1\ne=invalid-proof`,
    `m=unknown,r=${NONCE}x,s=QSXCR+Q6sek8bf92,i=16\nv=AAAA`,
  ],
  mutate: mutateBytes,
  code: /\/src\/sasl\/(?:scram|salted)/,
  run: checkScram,
};
