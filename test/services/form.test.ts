import * as assert from 'uvu/assert';
import { xml } from '../../src/index.ts';
import { formElement, readForms } from '../../src/services/form.ts';
import { suite } from '../harness.ts';

const test = suite('services/form');

const around = (form: ReturnType<typeof xml>) =>
  xml`<query xmlns="http://jabber.org/protocol/disco#info">${form}</query>`;

test('fields, their values, and what the form is about', () => {
  const forms = readForms(
    around(xml`
      <x xmlns="jabber:x:data" type="result">
        <title>ignored</title>
        <field var="FORM_TYPE" type="hidden"><value>urn:example</value></field>
        <field var="os"><value>Mac</value></field>
        <field var="ip" type="text-multi"><value>4</value><value>6</value></field>
        <field type="fixed"><value>words</value></field>
        <field var="none"/>
      </x>`),
  );
  assert.equal(forms, [
    {
      formType: 'urn:example',
      fields: [
        { name: 'os', values: ['Mac'] },
        { name: 'ip', type: 'text-multi', values: ['4', '6'] },
        { name: '', type: 'fixed', values: ['words'] },
        { name: 'none', values: [] },
      ],
    },
  ]);
});

test('what says by other means what it is about is about nothing', () => {
  const typeless = [
    xml`<x xmlns="jabber:x:data" type="result"/>`,
    xml`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE"><value>a</value></field></x>`,
    xml`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"/></x>`,
    xml`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>a</value><value>b</value></field></x>`,
    xml`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>a</value></field><field var="FORM_TYPE" type="hidden"><value>b</value></field></x>`,
  ];
  for (const form of typeless) {
    const [read] = readForms(around(form));
    assert.is(read?.formType, null, String(form));
    assert.is(read?.fields.length, form.elements.length);
  }
});

test('only forms of results are read', () => {
  for (const type of ['form', 'submit', 'cancel', undefined]) {
    assert.equal(readForms(around(xml`<x xmlns="jabber:x:data" type="${type}"/>`)), []);
  }
  assert.equal(readForms(around(xml`<x xmlns="urn:example" type="result"/>`)), []);
});

test('what was read is written as it was', () => {
  const form = xml`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>urn:example</value></field><field var="os"><value>Mac &amp; &lt;more&gt;</value></field><field type="fixed"><value>words</value></field></x>`;
  const [read] = readForms(around(form));
  assert.ok(read);
  assert.is(formElement(read).toString(), form.toString());
  assert.equal(readForms(around(formElement({ formType: null, fields: [] }))), [{ formType: null, fields: [] }]);
});

test.run();
