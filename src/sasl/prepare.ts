import { saslprep } from '@mongodb-js/saslprep';
import { SaslError } from './types.ts';

/**
 * SASLprep (RFC 4013) of a username or a password. Code points that Unicode 3.2 did not know are let through for both:
 * RFC 5802 forbids them in passwords, but servers do not, and an account whose password has an emoji must stay usable.
 *
 * Throws {@link SaslError} with `condition` for what SASLprep prohibits or leaves empty.
 */
export function prepare(text: string, condition: 'invalid-username' | 'invalid-password'): string {
  let prepared = '';
  try {
    prepared = saslprep(text, { allowUnassigned: true });
  } catch {
    // Falls through: whatever the library calls it (it has no error of its own), there is nothing to send.
  }
  if (prepared === '') throw new SaslError(condition);
  return prepared;
}

/** The password of a context, prepared. Throws {@link SaslError} `password-missing` or `invalid-password`. */
export function preparePassword(password: string | undefined): string {
  if (password === undefined) throw new SaslError('password-missing');
  return prepare(password, 'invalid-password');
}

/** The authorization identity as it is sent; empty stands for none. Throws {@link SaslError} `invalid-authzid`. */
export function checkAuthzid(authzid: string = ''): string {
  if (authzid.includes('\0')) throw new SaslError('invalid-authzid');
  return authzid;
}
