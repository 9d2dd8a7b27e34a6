/**
 * By which tests each of the invariants is held that the design asks for (semantics.md, C.8), as files below `test` and what
 * their titles say. Titles in `model/laws.ts` are those of laws that hold in every state of every machine.
 */

export interface Invariant {
  readonly about: string;
  /** Files with parts of the titles in them, as they are written in the file. */
  readonly heldBy: Readonly<Record<string, readonly string[]>>;
}

const ANNOUNCED = 'C.8.1, 2, 5, 6, 7: what is announced makes sense';
const HELD = 'C.8.2, 5: what the shell holds is let go once';
const ATTEMPTS = 'C.8.8, 9, 10: attempts';
const STOPS = 'C.8.1 to 3: stop is accepted everywhere, and ends a run by timers alone and in time';
const GRAMMAR = 'C.8.1 to C.8.7: what is announced makes sense, whatever happens';
const DELIVERY = 'C.8-16 to C.8-25: nothing is lost, nothing comes twice, and every token comes to its end';
const KILLED = 'C.8-2, C.8-17, C.8-18, C.8-23: a client recovers from a cut at any byte';

export const invariants: Readonly<Record<number, Invariant>> = {
  1: {
    about: 'start only where nothing runs, stop everywhere',
    heldBy: {
      'model/laws.ts': [ANNOUNCED],
      'model/machines.test.ts': [STOPS],
      'sockets/lifecycle-stop.test.ts': ['start while running is an error', 'C.8.1: stop from a listener of'],
    },
  },
  2: {
    about: 'one end of a run, and nothing left of it',
    heldBy: {
      'model/laws.ts': [ANNOUNCED, HELD, 'C.8.2: nothing is left of a run that is over', 'C.8.2: a transport exists'],
      'model/kill.test.ts': [KILLED],
      'sockets/leaks.test.ts': ['no more listeners, timers, sockets and actors'],
    },
  },
  3: {
    about: 'stop takes no longer than agreed',
    heldBy: {
      'model/machines.test.ts': [STOPS],
      'sockets/lifecycle-stop.test.ts': ['C.8.3: stop at', 'goes on talking'],
    },
  },
  4: {
    about: 'established with a full JID and fresh features',
    heldBy: {
      'model/laws.ts': ['C.8.4: a session is known', 'C.8.4, 6: what is known of a session'],
      'sockets/lifecycle.test.ts': ['C.8.4: when established is told'],
    },
  },
  5: {
    about: 'as many destroyed as established',
    heldBy: { 'model/laws.ts': [ANNOUNCED, HELD], 'sockets/lifecycle-invariants.test.ts': [GRAMMAR] },
  },
  6: {
    about: 'suspended, then resumed or destroyed',
    heldBy: {
      'model/laws.ts': [ANNOUNCED, 'what ends it'],
      'sockets/lifecycle-invariants.test.ts': [GRAMMAR],
    },
  },
  7: {
    about: 'no suspended after a stop, no resumed before a suspended',
    heldBy: { 'model/laws.ts': [ANNOUNCED], 'sockets/lifecycle-invariants.test.ts': [GRAMMAR] },
  },
  8: {
    about: 'attempts before the first success',
    heldBy: { 'model/laws.ts': [ATTEMPTS], 'machines/client.test.ts': ['8: before the first success'] },
  },
  9: {
    about: 'every reconnect waits, for longer and longer',
    heldBy: {
      'model/laws.ts': [ATTEMPTS],
      'machines/backoff.test.ts': ['C.8, 9: the ceiling grows'],
      'sockets/failure.test.ts': ['C.8.9: a server that accepts and closes'],
    },
  },
  10: {
    about: 'nobody connects after what is permanent',
    heldBy: { 'model/laws.ts': [ATTEMPTS], 'machines/client.test.ts': ['10: after what no repetition can cure'] },
  },
  11: {
    about: 'streams move forward, and nothing follows the footer',
    heldBy: {
      'model/laws.ts': ['C.8.11: streams move forward'],
      'sockets/delivery-wire.test.ts': ['C.8-11: the document has an end', 'behind our footer nothing is written'],
    },
  },
  12: { about: 'one document a stream', heldBy: { 'sockets/delivery-wire.test.ts': ['C.8-12: what a client writes'] } },
  13: {
    about: 'nothing in clear is heard once there is TLS',
    heldBy: {
      'sockets/tls.test.ts': ['in one segment with <proceed/> ends the attempt', 'C.8.13: what was offered in clear'],
    },
  },
  14: {
    about: 'bytes may be cut anyhow',
    heldBy: { 'sockets/stanza-inbound.test.ts': ['C.8-14: the bytes of a whole session may be cut anyhow'] },
  },
  15: {
    about: 'no secret is seen',
    heldBy: {
      'model/laws.ts': ['C.8.15: no context has a place for a secret'],
      'sockets/secrets.test.ts': [
        'nothing of the password and of the exchange',
        'nor of a wrong password, when it is refused',
      ],
    },
  },
  16: {
    about: 'stanzas only while a session is live, the hooks first',
    heldBy: {
      'model/laws.ts': ['C.8.16: the gate is open while the link is live'],
      'model/delivery.test.ts': [DELIVERY],
      'sockets/lifecycle-hooks.test.ts': ['C.8.16: what a hook sends precedes'],
    },
  },
  17: { about: 'order on the wire', heldBy: { 'model/delivery.test.ts': [DELIVERY], 'model/kill.test.ts': [KILLED] } },
  18: {
    about: 'every token comes to one end',
    heldBy: {
      'model/delivery.test.ts': [DELIVERY],
      'sockets/delivery-token.test.ts': ['C.8-18: after a session is destroyed no token'],
    },
  },
  19: {
    about: 'every request is settled once',
    heldBy: { 'model/delivery.test.ts': [DELIVERY], 'sockets/stanza-request.test.ts': ['C.8-19: what comes after'] },
  },
  20: {
    about: 'every request is answered once',
    heldBy: { 'sockets/stanza-handle.test.ts': ['C.8-20: every request'] },
  },
  21: {
    about: 'h counts what was handled',
    heldBy: {
      'model/delivery-ledger.test.ts': ['C.8-21 to C.8-23'],
      'sockets/sm-counting.test.ts': ['C.8-21: 18 of 18 odd stanzas are counted'],
    },
  },
  22: {
    about: 'acknowledgements only grow',
    heldBy: {
      'model/delivery-ledger.test.ts': ['C.8-21 to C.8-23'],
      'sockets/sm-counting.test.ts': ['C.8-22: an <a/> of less than before'],
    },
  },
  23: {
    about: 'what was not handled is sent again, in order',
    heldBy: {
      'model/delivery.test.ts': [DELIVERY],
      'sockets/sm-resume.test.ts': ['of 3 handled, the rest is sent again in order'],
    },
  },
  24: { about: 'every <r/> is answered', heldBy: { 'sockets/sm-counting.test.ts': ['C.8-24: each <r/> is answered'] } },
  25: {
    about: 'a session is asked back if it can be, and nothing is asked twice',
    heldBy: {
      'model/laws.ts': ['C.8.25: what is asked of the server', 'only a session that can be resumed is kept'],
      'sockets/sm-resume.test.ts': ['C.8-25: a session whose time is over'],
    },
  },
  26: {
    about: 'after a resumption there is nothing but what was going on',
    heldBy: { 'sockets/sm-resume.test.ts': ['C.8-26: after a resumption there is no hook'] },
  },
};

/** Invariants of what there is not yet. */
export const pending: Readonly<Record<number, string>> = {
  27: 'the cache of disco',
  28: 'the identities of disco',
};
