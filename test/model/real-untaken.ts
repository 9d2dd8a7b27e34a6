/** Transitions that no real client takes beside its twin, and why. Those of the charts alone are taken in `machines.test`. */
import { unreachable } from './unreachable.ts';

const FALLBACK = 'where the records of a domain name no host, discovery names the domain itself';
const OWN = 'it takes what the client has to compute by itself longer than the limit; nothing outside can make it';

export const untaken: Readonly<Record<string, string>> = {
  'client.link.resolving --xstate.done.actor.resolve[2]': FALLBACK,
  ...unreachable,
  'sasl.initiating --xstate.after.step.sasl.initiating[0]': OWN,
  'sasl.responding --xstate.after.step.sasl.responding[0]': OWN,
  'sasl.verifying --xstate.after.step.sasl.verifying[0]': OWN,
};
