import * as assert from 'uvu/assert';
import { Presence } from '../../src/stanza/presence.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { stanza } from '../xml/transcript.ts';

const test = suite('stanza/presence');

const TYPES: readonly [given: string | undefined, type: string | undefined][] = [
  [undefined, 'available'],
  ['error', 'error'],
  ['probe', 'probe'],
  ['subscribe', 'subscribe'],
  ['subscribed', 'subscribed'],
  ['unavailable', 'unavailable'],
  ['unsubscribe', 'unsubscribe'],
  ['unsubscribed', 'unsubscribed'],
  // There is no such type on the wire. RFC 6121 §4.7.1
  ['available', undefined],
  ['', undefined],
  ['invisible', undefined],
];

for (const [given, type] of TYPES) {
  test(`the type ${given} is ${type}`, () => assert.is(new Presence(el('presence', { type: given })).type, type));
}

const SHOWS: readonly [given: string | undefined, show: string | undefined][] = [
  ['away', 'away'],
  ['chat', 'chat'],
  ['dnd', 'dnd'],
  ['xa', 'xa'],
  ['\n away ', 'away'],
  ['', undefined],
  ['Away', undefined],
  ['online', undefined],
  [undefined, undefined],
];

for (const [given, show] of SHOWS) {
  test(`the show ${JSON.stringify(given)} is ${show}`, () => {
    const presence = el('presence', {}, given !== undefined && el('show', {}, given));
    assert.is(new Presence(presence).show, show);
  });
}

const PRIORITIES: readonly [given: string | undefined, priority: number | undefined][] = [
  [undefined, 0],
  ['0', 0],
  ['5', 5],
  ['+5', 5],
  ['-1', -1],
  [' 7\n', 7],
  ['127', 127],
  ['-128', -128],
  ['128', undefined],
  ['-129', undefined],
  ['', undefined],
  ['-', undefined],
  ['1.5', undefined],
  ['0x1', undefined],
  ['high', undefined],
  ['٣', undefined],
];

for (const [given, priority] of PRIORITIES) {
  test(`the priority ${JSON.stringify(given)} is ${priority}`, () => {
    const presence = el('presence', {}, given !== undefined && el('priority', {}, given));
    assert.is(new Presence(presence).priority, priority);
  });
}

test('the status in the language of the stanza', () => {
  const both = '<status xml:lang="en">busy</status><status xml:lang="de">beschäftigt</status>';
  assert.is(new Presence(stanza(`<presence xml:lang="de">${both}</presence>`)).status, 'beschäftigt');
  assert.is(new Presence(el('presence')).status, undefined);
});

test.run();
