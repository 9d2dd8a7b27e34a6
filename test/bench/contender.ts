/**
 * The process in which one library is measured, and nothing else happens: it does what its parent asks.
 *
 *     node --expose-gc contender.js xstanza
 */
import { measures } from './measures.ts';
import type { Task } from './protocol.ts';

const library =
  process.argv[2] === 'xstanza' ? (await import('./xstanza.ts')).xstanza : (await import('./xmpp.ts')).xmpp;

process.on('message', async ({ measure, ports }: Task) => {
  process.send?.(await measures[measure](library, ports));
});
process.once('disconnect', () => process.exit());
