/**
 * The machines of services, such as service discovery: children that live as long as the session is held, through its
 * interruptions. Which ones there are is the application's choice, so that the shell has to name them.
 */
import { setup } from 'xstate';

/** The set of services is another than before. */
export type ServicesEvent = { readonly type: 'services.changed' };

export interface ServicesContext {
  /** The names of those that run. */
  readonly running: readonly string[];
}

/** The machines that services run while a session is held. */
export const servicesMachine = setup({
  types: { context: {} as ServicesContext, events: {} as ServicesEvent },
  actions: {
    /** Starts the machines that should run and do not; stops those that should not. */
    adjust: () => {},
    /** A machine broke down; the others and the session go on. */
    reportService: () => {},
  },
}).createMachine({
  id: 'services',
  context: { running: [] },
  initial: 'running',
  states: {
    running: {
      description: 'A session is held.',
      entry: 'adjust',
      on: {
        'services.changed': { actions: 'adjust' },
        'xstate.error.actor.*': { actions: 'reportService' },
      },
    },
  },
});
