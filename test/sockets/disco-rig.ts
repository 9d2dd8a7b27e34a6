/** Service discovery with everybody on the other side in the hands of a test. */
import { type ClientOptions, type Disco, disco, type Element, xml } from '../../src/index.ts';
import { failure, result, type StanzaCondition } from '../../src/testing/replies.ts';
import type { TestServer } from '../../src/testing/server.ts';
import type { Session } from '../../src/testing/session.ts';
import type { Settings } from '../../src/testing/settings.ts';
import { JID, type Rig, type Subject } from './rig.ts';

export const INFO = 'http://jabber.org/protocol/disco#info';
export const ITEMS = 'http://jabber.org/protocol/disco#items';

/** A question that a client has asked its server, to be answered by the test. */
export interface Asked {
  readonly node: string | undefined;
  readonly to: string | undefined;
  /** Answers with these features or items. */
  answer(...children: Element[]): void;
  refuse(condition: StanzaCondition): void;
}

/** The side that is asked: it answers questions about the server as a whole itself, and leaves all others to the test. */
export class Desk {
  readonly asked: Asked[] = [];
  #wake: (() => void)[] = [];

  readonly services: Settings['services'] = {
    [INFO]: (request, session) => this.#take(request, session),
    [ITEMS]: (request, session) => this.#take(request, session),
  };

  /** The question of that number, once it is asked. */
  async at(index: number): Promise<Asked> {
    while (this.asked.length <= index) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this.asked[index] as Asked;
  }

  #take(request: Element, session: Session): Element | undefined {
    const [query] = request.elements as [Element];
    const node = query.attr('node');
    const to = request.attr('to');
    const payload = (...children: readonly Element[]) =>
      xml`<query xmlns="${query.namespace}" node="${node}">${children}</query>`;
    if (node === undefined && to === 'localhost') {
      return result(request, payload(xml`<feature var="urn:example:server"/>`));
    }
    const send = (reply: Element) => session.send(reply.with({ to: session.full }));
    this.asked.push({
      node,
      to,
      answer: (...children) => send(result(request, payload(...children))),
      refuse: (condition) => send(failure(request, condition)),
    });
    for (const wake of this.#wake.splice(0)) wake();
    return undefined;
  }
}

export const feature = (name: string): Element => xml`<feature var="${name}"/>`;

/** A client that discovers, online, and who answers it. */
export async function discovering(
  rig: Rig,
  options: Partial<ClientOptions> = {},
): Promise<Subject & { readonly desk: Desk; readonly server: TestServer; readonly disco: Disco }> {
  const desk = new Desk();
  const server = await rig.server({ services: desk.services });
  const subject = rig.client(server, options);
  const service = subject.client.use(disco);
  await subject.client.start();
  return { ...subject, desk, server, disco: service };
}

/** Two resources of one account: one that answers, and one that asks it. */
export async function pair(rig: Rig, options: { readonly log?: boolean } = {}) {
  const server = await rig.server(options);
  const asked = rig.client(server, { jid: `${JID}/asked` });
  const asking = rig.client(server, { jid: `${JID}/asking` });
  const mine = asking.client.use(disco);
  const own = asked.client.use(disco).own;
  await Promise.all([asked.client.start(), asking.client.start()]);
  return { server, asked: asked.client, asking: asking.client, own, mine, jid: asked.client.jid };
}

/** What a promise was rejected with. */
export async function refusal(promise: Promise<unknown>): Promise<Error & { condition?: string; type?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was not refused');
}
