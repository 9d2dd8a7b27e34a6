import { type Element, el } from '../xml/element.ts';
import { NS } from './names.ts';
import { failure, result } from './replies.ts';
import type { Session } from './session.ts';

/** Answers `<enable/>` and `<disable/>` (XEP-0280 §4, §5). */
export function carbons(request: Element, session: Session): Element {
  const name = request.elements[0]?.name;
  if (request.attr('type') !== 'set' || (name !== 'enable' && name !== 'disable'))
    return failure(request, 'bad-request');
  session.carbons = name === 'enable';
  return result(request);
}

/** Whether other resources get copies of a message (XEP-0280 §6.1). */
export function isCopied(message: Element): boolean {
  if (message.find('private', NS.carbons) !== undefined) return false;
  const type = message.attr('type') ?? 'normal';
  return type === 'chat' || (type === 'normal' && message.find('body') !== undefined);
}

/** Sends copies of a message to those of an account's sessions that want them; `except` have the message already. */
export function copy(
  message: Element,
  direction: 'sent' | 'received',
  sessions: Iterable<Session>,
  except: readonly Session[],
): void {
  for (const session of sessions) {
    if (!session.carbons || except.includes(session)) continue;
    const forwarded = el('forwarded', { xmlns: NS.forward }, message.with({ xmlns: NS.client }));
    session.send(
      el(
        'message',
        { from: session.bare, to: session.full, type: message.attr('type') },
        el(direction, { xmlns: NS.carbons }, forwarded),
      ),
    );
  }
}
