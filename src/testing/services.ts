import { type Element, el } from '../xml/element.ts';
import { carbons } from './carbons.ts';
import { NS } from './names.ts';
import { failure, result } from './replies.ts';
import type { Rosters } from './roster.ts';
import type { Session } from './session.ts';
import type { Service } from './settings.ts';

const NAME = 'xstanza test server';

const FEATURES = [NS.discoInfo, NS.discoItems, NS.ping, NS.version, NS.roster, NS.carbons];

function discoInfo(request: Element): Element {
  const account = request.attr('to')?.includes('@') || request.attr('to') === undefined;
  const identity = account
    ? { category: 'account', type: 'registered' }
    : { category: 'server', type: 'im', name: NAME };
  const features = FEATURES.map((feature) => el('feature', { var: feature }));
  return result(request, el('query', { xmlns: NS.discoInfo }, el('identity', identity), features));
}

function discoItems(request: Element): Element {
  return result(request, el('query', { xmlns: NS.discoItems }));
}

function version(request: Element): Element {
  return result(request, el('query', { xmlns: NS.version }, el('name', {}, NAME), el('version', {}, '1')));
}

const SERVICES: ReadonlyMap<string, Service> = new Map([
  [NS.discoInfo, discoInfo],
  [NS.discoItems, discoItems],
  [NS.ping, (request: Element) => result(request)],
  [NS.version, version],
  [NS.carbons, carbons],
  [NS.session, (request: Element) => result(request)],
]);

/**
 * Answers an IQ request to the server or to the sender's own account. `own` goes first; what nobody knows is
 * `service-unavailable` (RFC 6120 §8.4).
 */
export function serve(
  request: Element,
  session: Session,
  own: Readonly<Record<string, Service>>,
  rosters: Rosters,
): Element | undefined {
  const [payload, ...more] = request.elements;
  if (payload === undefined || more.length > 0) return failure(request, 'bad-request');
  if (Object.hasOwn(own, payload.namespace)) return own[payload.namespace]?.(request, session);
  if (payload.namespace === NS.roster) return rosters.serve(request, session);
  const known = SERVICES.get(payload.namespace);
  if (known === undefined) return failure(request, 'service-unavailable');
  return payload.attr('node') === undefined ? known(request, session) : failure(request, 'item-not-found');
}
