import type { Failure, FailureKind } from '../machines/failure.ts';

/** What a person can do about a failure of this condition, whatever its kind. */
const BY_CONDITION: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'no-xmpp': 'the domain says that it offers no XMPP: check the domain of the JID',
    'no-endpoint': 'name some in the option endpoints, or allow discovery',
    endpoints: 'see what the option endpoints gives',
    certificate:
      'check that the certificate is for the domain of the JID, and that its authority is known or in the option ca',
    options: 'check the options ca, cert, key, ciphers, minVersion and maxVersion',
    'injected-data': 'somebody between you and the server may be writing: do not use this network',
    'not-authorized': 'check the JID and the password',
    'account-disabled': 'ask whoever runs the server',
    'credentials-expired': 'change the password',
    'no-credentials': 'the option credentials gave none',
    'no-mechanism': 'compare the option mechanisms with what the server offers',
    'password-missing': 'give a password',
    'another-account': 'check the JID, and whose the credentials or the certificate are',
    'iterations-too-low': 'the server keeps passwords badly; the option iterations would allow it',
    'iterations-too-high': 'the option iterations would allow it',
    'server-signature-wrong': 'this may not be your server: do not use this network, and change the password elsewhere',
    'server-signature-missing': 'this may not be your server: do not use this network',
    ECONNREFUSED: 'check that the server runs, its host and its port',
    ENOTFOUND: 'check the domain of the JID, or the host in the option endpoints',
  }),
);

const BY_KIND: Readonly<Record<FailureKind, string | null>> = {
  dns: 'check the domain of the JID, and that there is a network',
  network: 'check that there is a network, and the host and the port',
  timeout: 'check host, port and firewalls; or give the server more time by the option negotiationTimeout',
  tls: 'check that the port speaks TLS, and the options minVersion and ciphers',
  policy: 'the server offers less than the options demand: check the port, and ask whoever runs the server',
  stream: null,
  protocol: 'check that the port is one for clients; if it is, tell whoever runs the server',
  auth: 'ask whoever runs the server',
  bind: 'leave the resource out of the JID, or sign out elsewhere',
  conflict: 'another client uses the same resource: leave it out of the JID, or sign out there',
  session: 'start again, and read anew what the session knew',
  prepare: 'a before-established hook failed: see handlerError',
  aborted: null,
  internal: 'please report it',
};

/** What a person can do about a failure, in words; null when it is nothing but waiting. */
export function adviceOn({ kind, condition = '', cause }: Failure): string | null {
  return BY_CONDITION.get(condition) ?? BY_CONDITION.get(cause?.code ?? '') ?? BY_KIND[kind];
}
