/** What real clients leave out beside their twins; `machines.test` takes all of it. */
import { unreachable } from './unreachable.ts';

const FALLBACK = 'where the records of a domain name no host, discovery names the domain itself';
const OWN = 'what the client computes by itself takes no time on its clock';

/** Transitions that no real client takes beside its twin, with the reason of each, in the order of the catalogue. */
export const untaken: Readonly<Record<string, string>> = {
  'client.link.resolving --xstate.done.actor.resolve[2]': FALLBACK,
  ...unreachable,
  'sasl.initiating --xstate.after.step.sasl.initiating[0]': OWN,
  'sasl.responding --xstate.after.step.sasl.responding[0]': OWN,
  'sasl.verifying --xstate.after.step.sasl.verifying[0]': OWN,
};
