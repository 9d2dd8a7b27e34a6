/** Data forms of type `result`, by which service discovery tells more than features. XEP-0004, XEP-0068, XEP-0128 */
import { NS } from '../namespaces.ts';
import { type Element, el } from '../xml/element.ts';

/** A field of a form and what was filled in. XEP-0004 §3.2 */
export interface FormField {
  /** What the form knows it by; empty for text that belongs to no question. */
  readonly name: string;
  /** Such as `text-single`; a form of results need not say. */
  readonly type?: string;
  /** As texts, in the order they came. */
  readonly values: readonly string[];
}

/** A form that was filled in. Tables of results are not read. */
export interface ResultForm {
  /** What its fields mean: the one value of a hidden field FORM_TYPE. Null without one. XEP-0068 */
  readonly formType: string | null;
  /** In their order, FORM_TYPE not among them unless it is an ordinary field. */
  readonly fields: readonly FormField[];
}

const FORM_TYPE = 'FORM_TYPE';

/** The forms of type `result` directly inside an element. */
export function readForms(parent: Element): ResultForm[] {
  return resultForms(parent).map((form) => {
    const fields = fieldsOf(form);
    const types = fields.filter(isFormType);
    const [first] = types;
    if (first === undefined || types.length > 1 || first.values.length !== 1) return { formType: null, fields };
    return { formType: first.values[0] as string, fields: fields.filter((field) => field !== first) };
  });
}

/** The elements of these forms. */
export function resultForms(parent: Element): Element[] {
  return parent.filter('x', NS.data).filter((form) => form.attr('type') === 'result');
}

/** The fields of a form, FORM_TYPE among them. */
export function fieldsOf(form: Element): FormField[] {
  return form.filter('field').map((field) => {
    const type = field.attr('type');
    const values = field.filter('value').map(({ text }) => text);
    return { name: field.attr('var') ?? '', ...(type !== undefined && { type }), values };
  });
}

/** Whether it is the field that says what a form is about. It counts only when it is hidden. XEP-0068 §3.4 */
export function isFormType({ name, type }: FormField): boolean {
  return name === FORM_TYPE && type === 'hidden';
}

/** The form as an element. */
export function formElement({ formType, fields }: ResultForm): Element {
  const all = formType === null ? fields : [{ name: FORM_TYPE, type: 'hidden', values: [formType] }, ...fields];
  return el(
    'x',
    { xmlns: NS.data, type: 'result' },
    all.map(({ name, type, values }) =>
      el(
        'field',
        { var: name || undefined, type },
        values.map((value) => el('value', {}, value)),
      ),
    ),
  );
}
