import * as assert from 'uvu/assert';
import { readStanzaError, StanzaError } from '../../src/stanza/error.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { stanza } from '../xml/transcript.ts';

const test = suite('stanza/error');

const NS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

/** Every condition of RFC 6120 §8.3.3, with the type it goes with. */
const CONDITIONS: readonly [condition: string, type: string][] = [
  ['bad-request', 'modify'],
  ['conflict', 'cancel'],
  ['feature-not-implemented', 'cancel'],
  ['forbidden', 'auth'],
  ['gone', 'cancel'],
  ['internal-server-error', 'cancel'],
  ['item-not-found', 'cancel'],
  ['jid-malformed', 'modify'],
  ['not-acceptable', 'modify'],
  ['not-allowed', 'cancel'],
  ['not-authorized', 'auth'],
  ['policy-violation', 'modify'],
  ['recipient-unavailable', 'wait'],
  ['redirect', 'modify'],
  ['registration-required', 'auth'],
  ['remote-server-not-found', 'cancel'],
  ['remote-server-timeout', 'wait'],
  ['resource-constraint', 'wait'],
  ['service-unavailable', 'cancel'],
  ['subscription-required', 'auth'],
  ['undefined-condition', 'cancel'],
  ['unexpected-request', 'wait'],
];

for (const [condition, type] of CONDITIONS) {
  test(`${condition} is of type ${type}, and comes back as it was sent`, () => {
    const error = new StanzaError(condition);
    assert.is(error.type, type);
    const back = readStanzaError(el('iq', { type: 'error' }, error.toElement()));
    assert.equal([back.condition, back.type, back.text], [condition, type, undefined]);
  });
}

for (const condition of ['constructor', '__proto__', 'toString', 'surprise']) {
  test(`${condition} is a condition like any that is unknown`, () => {
    assert.is(new StanzaError(condition).type, 'cancel');
  });
}

test('everything that can be said comes back', () => {
  const application = el('too-many-parameters', { xmlns: 'urn:app' });
  const error = new StanzaError('not-acceptable', { type: 'wait', text: 'a < b', by: 'room@host', application });
  const back = readStanzaError(stanza(el('message', { type: 'error' }, error.toElement()).toString()));
  assert.equal([back.condition, back.type, back.text, back.by], ['not-acceptable', 'wait', 'a < b', 'room@host']);
  assert.ok(back.application?.is('too-many-parameters', 'urn:app'));
});

test('is an error with a name and a message', () => {
  const error = new StanzaError('item-not-found', { text: 'no such node' });
  assert.instance(error, Error);
  assert.is(String(error), 'StanzaError: item-not-found: no such node');
  assert.is(new StanzaError('item-not-found').message, 'item-not-found');
});

const BROKEN: readonly [about: string, inner: string, condition: string, type: string][] = [
  ['nothing', '', 'undefined-condition', 'cancel'],
  ['no condition', '<error type="wait"/>', 'undefined-condition', 'wait'],
  ['a text only', `<error type="auth"><text xmlns="${NS}">no</text></error>`, 'undefined-condition', 'auth'],
  ['no type', `<error><gone xmlns="${NS}"/></error>`, 'gone', 'cancel'],
  ['a type that does not exist', `<error type="panic"><gone xmlns="${NS}"/></error>`, 'gone', 'cancel'],
  [
    'a condition of another namespace',
    '<error type="wait"><gone xmlns="urn:x"/></error>',
    'undefined-condition',
    'wait',
  ],
  [
    'an error of another namespace',
    `<error xmlns="urn:x"><gone xmlns="${NS}"/></error>`,
    'undefined-condition',
    'cancel',
  ],
  ['the application first', `<error type="wait"><x xmlns="urn:x"/><gone xmlns="${NS}"/></error>`, 'gone', 'wait'],
];

for (const [about, inner, condition, type] of BROKEN) {
  test(`reads an error with ${about}`, () => {
    const error = readStanzaError(stanza(`<iq type="error">${inner}</iq>`));
    assert.equal([error.condition, error.type], [condition, type]);
  });
}

test.run();
