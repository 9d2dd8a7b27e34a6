/** Faults that happen in real life, by name, to be played on an app that talks to a `TestServer`. */
import type { Element } from '../xml/element.ts';
import type { Match, Moment } from './faults.ts';
import type { TestServer } from './server.ts';

/** Something that goes wrong with a server or on the way to it. */
export interface NamedFault {
  /** For people, and to find it by. */
  readonly name: string;
  /** When to play it: before the app connects for the first time, or once it is online. */
  readonly when: 'before' | 'online';
  /**
   * What an app may expect of it: that its session goes on and nothing is lost, or that it gets a new session and its stanzas
   * their final state.
   */
  readonly leaves: 'the session' | 'a new session';
  /** Plays it. Resolves once it is set up, or once it has been done. */
  play(server: TestServer): Promise<void>;
}

const nth = (name: string, n: number): Match => {
  let seen = 0;
  return (element: Element) => {
    if (element.name === name) seen += 1;
    return element.name === name && seen === n;
  };
};

const replyTo =
  (id: string): Match =>
  (element: Element) =>
    element.name === 'iq' && element.attr('id') === id;

/** The first attempt to connect breaks off when the server is about to say something. */
function breaksOff(name: string, drop: 'fin' | 'rst', when: () => Moment): NamedFault {
  return {
    name,
    when: 'before',
    leaves: 'a new session',
    play: async (server) => {
      server.faults.add({ drop, when: when() });
    },
  };
}

function online(name: string, leaves: NamedFault['leaves'], play: NamedFault['play']): NamedFault {
  return { name, when: 'online', leaves, play };
}

const before = (match: Match) => (): Moment => ({ direction: 'out', before: match });

/**
 * The faults, from the first byte of a connection to its last. Whatever an app does, it is to be online again after each of
 * them, given time; those that fall silent are found out by the client's `liveness` and `negotiationTimeout`, which a test
 * will want to be short.
 */
export const faultPack: readonly NamedFault[] = [
  breaksOff('the connection is reset as soon as it is made', 'rst', () => 'connect'),
  breaksOff('the connection ends before the features', 'fin', before('features')),
  breaksOff('the connection ends in the middle of STARTTLS', 'fin', before('proceed')),
  breaksOff('the connection is reset during authentication', 'rst', before('challenge')),
  breaksOff('the connection ends before the login succeeds', 'fin', before('success')),
  breaksOff('the connection ends before the resource is bound', 'fin', () => before(replyTo('bind'))()),
  breaksOff('the connection ends before stream management is on', 'rst', before('enabled')),
  {
    name: 'the server says nothing for too long, the first time',
    when: 'before',
    leaves: 'a new session',
    play: async (server) => {
      server.faults.add({ drop: 'silence', when: { direction: 'out', before: nth('features', 1) } });
    },
  },
  {
    name: 'everything comes a byte at a time',
    when: 'before',
    leaves: 'the session',
    play: async (server) => {
      server.faults.add({ split: 1 });
    },
  },
  {
    name: 'everything comes late',
    when: 'before',
    leaves: 'the session',
    play: async (server) => {
      server.faults.add({ delay: 50 });
    },
  },
  {
    name: 'the server knows no stream management',
    when: 'before',
    leaves: 'the session',
    play: async (server) => server.configure({ sm: false }),
  },
  online('the connection ends without a word', 'the session', async (server) => server.drop('fin')),
  online('the connection is reset', 'the session', async (server) => server.drop('rst')),
  online('the cable is pulled', 'the session', async (server) => server.drop('silence')),
  online('the connection ends in the middle of a stanza', 'the session', async (server) => {
    for (const { faults } of server.connections) faults.add({ drop: 'fin', when: { direction: 'in', bytes: 30 } });
  }),
  online('what comes is no XML any more', 'a new session', async (server) => {
    for (const { faults } of server.connections) faults.add({ corrupt: 0, direction: 'out', replace: '<<' });
  }),
  online('the server restarts and keeps its sessions', 'the session', (server) =>
    server.restart({ keepSessions: true }),
  ),
  online('the server restarts and has forgotten everything', 'a new session', (server) =>
    server.restart({ how: 'shutdown' }),
  ),
  online('the server is killed', 'a new session', (server) => server.restart({ how: 'rst' })),
];
