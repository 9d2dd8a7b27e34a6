/** D-16 to D-55 as far as no wire is needed: nodes, registrations, what replies are read as. */
import * as assert from 'uvu/assert';
import { Emitter } from '../../src/emitter.ts';
import {
  DiscoError,
  type DiscoErrorReason,
  DiscoInfo,
  type DiscoItem,
  DiscoItems,
  DiscoNode,
  type Identity,
  Iq,
  JID,
  RegisteredFeature,
  ReplyError,
  StaticNode,
  xml,
} from '../../src/index.ts';
import { suite } from '../harness.ts';

const INFO = 'http://jabber.org/protocol/disco#info';

const test = suite('services/disco');

function refuses(reason: DiscoErrorReason, act: () => unknown): void {
  assert.throws(act, (error: unknown) => error instanceof DiscoError && error.reason === reason);
}

/** A node, and how often it changed. */
function counted(): { node: DiscoNode; changes: () => number } {
  const node = new DiscoNode();
  let count = 0;
  node.on('infoChanged', () => {
    count += 1;
  });
  return { node, changes: () => count };
}

const features = (node: DiscoNode) => [...node.featuresFor()];
const identities = (node: DiscoNode) => [...node.identitiesFor()];
const asker = (from: string) => new Iq(xml`<iq type="get" id="1" from="${from}"><query xmlns="${INFO}"/></iq>`);

test('D-23: a node is bare at first', () => {
  const node = new DiscoNode();
  assert.equal([features(node), identities(node), [...node.itemsFor()]], [[INFO], [], []]);
});

test('D-24: a feature is added once, and one that is built in never', () => {
  const { node, changes } = counted();
  node.addFeature('urn:a');
  refuses('duplicate', () => node.addFeature('urn:a'));
  refuses('duplicate', () => node.addFeature(INFO));
  assert.equal([features(node), changes()], [[INFO, 'urn:a'], 1]);
});

test('D-25: a feature that was not added cannot be taken away, nor one that is built in', () => {
  const { node, changes } = counted();
  node.addFeature('urn:a');
  node.removeFeature('urn:a');
  refuses('unknown', () => node.removeFeature('urn:a'));
  refuses('unknown', () => node.removeFeature(INFO));
  assert.equal([features(node), changes()], [[INFO], 2]);
});

test('D-27: an identity is added once', () => {
  const { node, changes } = counted();
  node.addIdentity('client', 'bot');
  node.addIdentity('client', 'pc');
  refuses('duplicate', () => node.addIdentity('client', 'bot', { en: 'other' }));
  assert.is(changes(), 2);
  assert.equal(identities(node), [
    { category: 'client', type: 'bot' },
    { category: 'client', type: 'pc' },
  ]);
});

test('D-28: an identity has a name for each language', () => {
  const node = new DiscoNode();
  const names: Record<string, string> = { en: 'friend', de: 'Freund', '': 'x' };
  node.addIdentity('client', 'bot', names);
  names.en = 'changed later';
  assert.equal(identities(node), [
    { category: 'client', type: 'bot', name: 'friend', lang: 'en' },
    { category: 'client', type: 'bot', name: 'Freund', lang: 'de' },
    { category: 'client', type: 'bot', name: 'x' },
  ]);
});

test('D-29: names are replaced as a whole, if there is somebody to name', () => {
  const { node, changes } = counted();
  refuses('unknown', () => node.setIdentityNames('client', 'bot', { en: 'x' }));
  node.addIdentity('client', 'bot', { en: 'one', de: 'eins' });
  node.setIdentityNames('client', 'bot', { en: 'two' });
  assert.equal(identities(node), [{ category: 'client', type: 'bot', name: 'two', lang: 'en' }]);
  node.setIdentityNames('client', 'bot');
  assert.equal([identities(node), changes()], [[{ category: 'client', type: 'bot' }], 3]);
});

test('D-30, E-30: an unknown identity and the last one stay, and the error says which it was', () => {
  const { node, changes } = counted();
  node.addIdentity('client', 'bot');
  refuses('last', () => node.removeIdentity('client', 'bot'));
  refuses('unknown', () => node.removeIdentity('client', 'pc'));
  node.addIdentity('client', 'pc');
  node.removeIdentity('client', 'bot');
  assert.equal([identities(node), changes()], [[{ category: 'client', type: 'pc' }], 3]);
});

test('D-31, D-32, D-34: who asks may decide what is told; nobody is everybody', () => {
  class Discreet extends DiscoNode {
    override *featuresFor(asker?: Iq): Iterable<string> {
      yield* super.featuresFor(asker);
      if (asker?.from?.local === 'juliet') yield 'urn:secret';
    }
    override *identitiesFor(asker?: Iq): Iterable<Identity> {
      if (asker?.from?.local !== 'tybalt') yield { category: 'client', type: 'bot' };
    }
    override *itemsFor(asker?: Iq): Iterable<DiscoItem> {
      if (asker !== undefined) yield { jid: JID.parse('x'), node: asker.from?.local ?? '' };
    }
  }
  const node = new Discreet();
  const [juliet, tybalt] = [asker('juliet@capulet.lit/x'), asker('tybalt@capulet.lit/x')];
  assert.equal([...node.infoFor(juliet).features], [INFO, 'urn:secret']);
  assert.equal([...node.infoFor(tybalt).features], [INFO]);
  assert.equal([...node.infoFor().features], [INFO]);
  assert.equal([node.infoFor(juliet).identities.length, node.infoFor(tybalt).identities.length], [1, 0]);
  assert.equal([[...node.itemsFor()].length, [...node.itemsFor(juliet)][0]?.node], [0, 'juliet']);
});

test('D-33: a node as an answer', () => {
  const node = new DiscoNode();
  node.addIdentity('client', 'bot', { en: 'x' });
  node.addFeature('urn:a');
  const answer = node.infoFor();
  assert.is(answer.node, null);
  assert.is(
    answer.toElement().toString(),
    `<query xmlns="${INFO}"><identity category="client" type="bot" name="x" xml:lang="en"/>` +
      `<feature var="${INFO}"/><feature var="urn:a"/></query>`,
  );
});

test('D-35: every change is told, also to those who come after somebody who throws', () => {
  const errors: unknown[] = [];
  const node = new DiscoNode(new Emitter((error) => errors.push(error)));
  let heard = 0;
  node.on('infoChanged', () => {
    throw new Error('no');
  });
  const listening = node.on('infoChanged', () => {
    heard += 1;
  });
  node.addFeature('urn:a').unsubscribe();
  node.addIdentity('client', 'bot');
  node.setIdentityNames('client', 'bot', { en: 'x' });
  assert.is(heard, 4);
  listening.unsubscribe();
  node.addIdentity('client', 'pc');
  assert.equal([heard, errors.length], [4, 5]);
});

test('D-36: a static node has the items that it is given', () => {
  const node = new StaticNode();
  assert.equal([...node.itemsFor()], []);
  const item: DiscoItem = { jid: JID.parse('a@b/c'), node: 'n', name: 'x' };
  node.items.push(item);
  assert.equal([...node.itemsFor()], [item]);
});

test('D-37: a clone has what its original shows everybody, and shares its items', () => {
  class Original extends StaticNode {
    override *featuresFor(asker?: Iq): Iterable<string> {
      yield* super.featuresFor(asker);
      if (asker !== undefined) yield 'urn:secret';
    }
  }
  const original = new Original();
  original.addFeature('urn:a');
  original.addIdentity('client', 'bot', { en: 'x', de: 'y' });
  original.addIdentity('client', 'pc');
  const item: DiscoItem = { jid: JID.parse('a') };
  original.items.push(item);
  const clone = StaticNode.clone(original);
  assert.equal([features(clone), identities(clone)], [features(original), identities(original)]);
  assert.is([...clone.itemsFor()][0], item);
  clone.removeFeature('urn:a');
  clone.setIdentityNames('client', 'bot');
  original.items.push({ jid: JID.parse('b') });
  assert.equal([features(original), identities(original).length, clone.items.length], [[INFO, 'urn:a'], 3, 1]);
});

test('D-40, D-42, D-45: a feature is there as long as its registration', () => {
  const node = new DiscoNode();
  {
    using registered = node.addFeature('urn:a');
    assert.is(registered.feature, 'urn:a');
    assert.equal(features(node), [INFO, 'urn:a']);
  }
  assert.equal(features(node), [INFO]);
});

test('D-41, D-44: a feature can be switched, as often as one likes', () => {
  const { node, changes } = counted();
  const handle = new RegisteredFeature(node, 'urn:a');
  assert.is(handle.enabled, false);
  handle.enabled = false;
  handle.enabled = true;
  handle.enabled = true;
  assert.equal([handle.enabled, features(node), changes()], [true, [INFO, 'urn:a'], 1]);
  handle.enabled = false;
  handle.enabled = false;
  assert.equal([handle.enabled, features(node), changes()], [false, [INFO], 2]);
});

test('D-43: two registrations of one feature do not nest, and the second is told so', () => {
  const node = new DiscoNode();
  const first = node.addFeature('urn:a');
  const second = new RegisteredFeature(node, 'urn:a');
  assert.throws(
    () => {
      second.enabled = true;
    },
    (error: unknown) => error instanceof DiscoError && error.reason === 'duplicate',
  );
  second.unsubscribe();
  assert.ok(first.enabled);
  node.removeFeature('urn:a');
  assert.not(first.enabled);
  first.unsubscribe();
});

test('D-46, D-47, D-48, D-49: an answer is made of anything that can be gone through, once', () => {
  const list = ['urn:b', 'urn:a', 'urn:b'];
  const answer = new DiscoInfo({
    node: 'n',
    features: list.values(),
    identities: [{ category: 'a', type: 'b' }].values(),
  });
  list.push('urn:c');
  assert.equal([...answer.features], ['urn:b', 'urn:a']);
  assert.equal([...answer.features], ['urn:b', 'urn:a']);
  assert.equal([answer.node, answer.identities, answer.forms], ['n', [{ category: 'a', type: 'b' }], []]);
  assert.ok(answer.features.has('urn:a'));
  assert.is(new DiscoInfo({}).node, null);
});

test('D-50: what came from the wire is kept as it came', () => {
  const query = xml`<query xmlns="${INFO}"><feature var="urn:a" other="x"/><other xmlns="urn:other"/></query>`;
  assert.is(DiscoInfo.read(query).element, query);
  assert.is(new DiscoInfo({}).element, null);
});

test('D-51: plain data, in the order of the alphabet', () => {
  const query = xml`
    <query xmlns="${INFO}" node="n">
      <identity category="client" type="pc" name="x" xml:lang="de"/>
      <feature var="urn:b"/><feature var="urn:a"/>
      <x xmlns="jabber:x:data" type="result">
        <field var="FORM_TYPE" type="hidden"><value>urn:form</value></field>
        <field var="os"><value>Mac</value></field>
      </x>
    </query>`;
  const info = DiscoInfo.read(query);
  assert.equal(JSON.parse(JSON.stringify(info)), {
    identities: [{ category: 'client', type: 'pc', name: 'x', lang: 'de' }],
    features: ['urn:a', 'urn:b'],
    forms: [{ formType: 'urn:form', fields: [{ name: 'os', values: ['Mac'] }] }],
  });
  assert.equal(
    [info.values('urn:form', 'os'), info.values('urn:form', 'x'), info.values('x', 'os')],
    [['Mac'], [], []],
  );
});

test('D-52, D-53: features and identities as they are read; a language is that of what is around', () => {
  const iq = xml`
    <iq xml:lang="fr">
      <query xmlns="${INFO}">
        <identity category="client" type="made-up"/>
        <identity category="client" type="pc" name="x" xml:lang="de"/>
        <identity category="client" type="pc" name="y" xml:lang=""/>
        <feature var="urn:a"/><feature var="urn:a"/>
      </query>
    </iq>`;
  const [query] = iq.elements;
  const info = DiscoInfo.read(query);
  assert.equal(info.identities, [
    { category: 'client', type: 'made-up', lang: 'fr' },
    { category: 'client', type: 'pc', name: 'x', lang: 'de' },
    { category: 'client', type: 'pc', name: 'y' },
  ]);
  assert.equal([...info.features], ['urn:a']);
});

test('D-54, D-55: items, and those that nobody could write to', () => {
  const items = DiscoItems.read(xml`
    <query xmlns="http://jabber.org/protocol/disco#items" node="n">
      <item jid="A@B/c" node="x" name="X"/>
      <item jid="b"/>
      <item jid="@"/>
    </query>`);
  assert.is(items.node, 'n');
  assert.equal(items.toJSON(), [
    { jid: 'a@b/c', node: 'x', name: 'X' },
    { jid: 'b', node: null, name: null },
  ]);
  assert.is(
    new DiscoItems(items).toElement().toString(),
    '<query xmlns="http://jabber.org/protocol/disco#items" node="n"><item jid="a@b/c" node="x" name="X"/><item jid="b"/></query>',
  );
  assert.equal(new DiscoItems({}).items, []);
});

test('what is no reply is refused', () => {
  for (const query of [
    undefined,
    xml`<query xmlns="http://jabber.org/protocol/disco#items"/>`,
    xml`<other xmlns="${INFO}"/>`,
    xml`<query xmlns="${INFO}"><identity type="pc"/></query>`,
    xml`<query xmlns="${INFO}"><identity category="client" type=""/></query>`,
    xml`<query xmlns="${INFO}"><feature/></query>`,
  ]) {
    assert.throws(
      () => DiscoInfo.read(query),
      (error: unknown) => error instanceof ReplyError,
    );
  }
  for (const query of [xml`<query xmlns="http://jabber.org/protocol/disco#items"><item/></query>`, xml`<query/>`]) {
    assert.throws(
      () => DiscoItems.read(query),
      (error: unknown) => error instanceof ReplyError,
    );
  }
});

test.run();
