import { Anonymous } from './anonymous.ts';
import { External } from './external.ts';
import { Plain } from './plain.ts';
import { Scram } from './scram.ts';
import type { Mechanism, SaslContext } from './types.ts';

/**
 * The client's side of the mechanism with this registered name: SCRAM-SHA-1, -256, -512, each also with `-PLUS`, PLAIN,
 * EXTERNAL and ANONYMOUS.
 *
 * Throws {@link SaslError}: `unknown-mechanism`, or what `context` lacks for it.
 */
export function createMechanism(name: string, context: SaslContext): Mechanism {
  switch (name) {
    case 'PLAIN':
      return new Plain(context);
    case 'EXTERNAL':
      return new External(context);
    case 'ANONYMOUS':
      return new Anonymous();
    default:
      return new Scram(name, context);
  }
}
