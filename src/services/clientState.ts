import type { Service, ServiceHost } from '../client/services.ts';
import { NS } from '../namespaces.ts';
import { el } from '../xml/element.ts';

/** What `client.use(clientState)` gives. */
export interface ClientState {
  /** What was said last; `active` until something is. */
  readonly state: 'active' | 'inactive';
  /** Whether the server of the current or last connection takes an interest. */
  readonly supported: boolean;
  /** Somebody is looking: the server delivers everything at once. */
  active(): void;
  /** Nobody is looking: the server may hold back what can wait, such as presence. */
  inactive(): void;
}

/**
 * Tells the server whether anybody is looking at the application, which may be said at any time: it is remembered, and the
 * server is told when it comes to know nothing of it, in a new session and after a resumption. XEP-0352
 */
export const clientState: Service<ClientState> = {
  name: 'client-state',
  create(host: ServiceHost): ClientState {
    const { client } = host;
    let state: ClientState['state'] = 'active';
    const isSupported = () => client.getSnapshot().features?.all.includes(`{${NS.csi}}csi`) ?? false;
    const tell = () => client.phase === 'online' && isSupported() && host.writeNonza(el(state, { xmlns: NS.csi }));
    const become = (next: ClientState['state']) => {
      if (next === state) return;
      state = next;
      tell();
    };
    // Every stream begins active, also one that resumes a session; some servers go on where they were.
    host.on('online', ({ resumed }) => (resumed || state === 'inactive') && tell());
    host.defer(() => become('active'));
    return {
      get state() {
        return state;
      },
      get supported() {
        return isSupported();
      },
      active: () => become('active'),
      inactive: () => become('inactive'),
    };
  },
};
