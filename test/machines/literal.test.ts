/**
 * Stately's editor and its VS Code extension read a machine from the source text, so a machine has to be written out there:
 * one `setup({ ... }).createMachine({ ... })` a file, its states and transitions as literals and not as the work of code.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { type AnyNode, type CallExpression, type Expression, type ObjectExpression, parse } from 'acorn';
import { transformSync } from 'esbuild';
import * as assert from 'uvu/assert';
import { catalogue } from '../../machines/index.ts';
import { suite } from '../harness.ts';

const test = suite('machines/literal');

/** The ids of the machines in a source text. @throws Error that says what is not written out */
function machinesIn(source: string): string[] {
  const { code } = transformSync(source, { loader: 'ts', format: 'esm' });
  return callsIn(parse(code, { ecmaVersion: 'latest', sourceType: 'module' })).map((call) => {
    const { callee } = call;
    const made = callee.type === 'MemberExpression' ? callee.object : null;
    if (made?.type !== 'CallExpression' || made.callee.type !== 'Identifier' || made.callee.name !== 'setup') {
      throw new Error('createMachine is not called on setup()');
    }
    entries(made.arguments[0], 'setup');
    const config = entries(call.arguments[0], 'machine');
    checkState(config, 'machine');
    return text(config.get('id'), 'id');
  });
}

/** Every call of `createMachine`. */
function callsIn(node: unknown): CallExpression[] {
  if (Array.isArray(node)) return node.flatMap(callsIn);
  if (typeof node !== 'object' || node === null || !('type' in node)) return [];
  const inner = Object.values(node).flatMap(callsIn);
  const { type, callee } = node as CallExpression;
  if (type !== 'CallExpression') return inner;
  const name = callee.type === 'MemberExpression' ? callee.property : callee;
  return name.type === 'Identifier' && name.name === 'createMachine' ? [...inner, node as CallExpression] : inner;
}

/** What an object literal has by its keys, all of them written out. */
function entries(node: AnyNode | undefined, where: string): Map<string, Expression> {
  if (node?.type !== 'ObjectExpression') throw new Error(`${where} is no object literal`);
  return new Map(
    (node as ObjectExpression).properties.map((property) => {
      if (property.type === 'SpreadElement') throw new Error(`${where} has a spread`);
      const { key, computed, value } = property;
      if (computed) throw new Error(`${where} has a computed key`);
      return [key.type === 'Identifier' ? key.name : String((key as { value: unknown }).value), value];
    }),
  );
}

/** The elements of an array literal, or what is there instead of one. */
function list(node: AnyNode, where: string): AnyNode[] {
  if (node.type !== 'ArrayExpression') return [node];
  return node.elements.map((element) => {
    if (element === null || element.type === 'SpreadElement') throw new Error(`${where} has a spread or a hole`);
    return element;
  });
}

function text(node: AnyNode | undefined, where: string): string {
  if (node?.type !== 'Literal' || typeof node.value !== 'string') throw new Error(`${where} is no string literal`);
  return node.value;
}

/** A name, or a name with parameters. */
function checkNamed(node: AnyNode, where: string): void {
  for (const one of list(node, where)) {
    if (one.type === 'Literal') text(one, where);
    else text(entries(one, where).get('type'), `${where}.type`);
  }
}

function checkTransitions(node: AnyNode, where: string): void {
  for (const way of list(node, where)) {
    if (way.type === 'Literal') {
      text(way, where);
      continue;
    }
    const { target, guard, actions } = Object.fromEntries(entries(way, where));
    if (target !== undefined) for (const one of list(target, where)) text(one, `${where}.target`);
    if (guard !== undefined) checkNamed(guard, `${where}.guard`);
    if (actions !== undefined) checkNamed(actions, `${where}.actions`);
  }
}

function checkState(state: Map<string, Expression>, where: string): void {
  for (const [key, node] of state) {
    const here = `${where}.${key}`;
    if (['id', 'type', 'initial', 'history', 'description'].includes(key)) text(node, here);
    else if (['entry', 'exit'].includes(key)) checkNamed(node, here);
    else if (['always', 'onDone'].includes(key)) checkTransitions(node, here);
    else if (['on', 'after'].includes(key)) {
      for (const [event, ways] of entries(node, here)) checkTransitions(ways, `${here}.${event}`);
    } else if (key === 'invoke') {
      for (const one of list(node, here)) {
        const invoke = entries(one, here);
        text(invoke.get('src'), `${here}.src`);
        for (const [end, ways] of invoke) if (end.startsWith('on')) checkTransitions(ways, `${here}.${end}`);
      }
    } else if (key === 'states') {
      for (const [name, child] of entries(node, here)) checkState(entries(child, `${here}.${name}`), `${here}.${name}`);
    }
  }
}

test('every machine of the catalogue is written out, in a file of its own', () => {
  const found: string[] = [];
  for (const file of readdirSync('machines').filter((name) => name.endsWith('.ts'))) {
    const ids = machinesIn(readFileSync(`machines/${file}`, 'utf8'));
    assert.ok(ids.length <= 1, `${file} has ${ids.join(' and ')}`);
    found.push(...ids);
  }
  assert.equal(found.sort(), Object.keys(catalogue).sort());
});

const written = (state: string) => `setup({}).createMachine({ id: 'm', initial: 'a', states: { a: ${state} } })`;

test('it would be noticed if one were not', () => {
  assert.equal(machinesIn(written("{ on: { GO: { target: 'a', actions: ['x', { type: 'y', params: f() }] } } }")), [
    'm',
  ]);
  const wrong = {
    [written('makeState()')]: 'machine.states.a is no object literal',
    [written('{ ...common }')]: 'machine.states.a has a spread',
    [written("{ on: { ['GO']: 'a' } }")]: 'machine.states.a.on has a computed key',
    [written("{ on: { GO: go('a') } }")]: 'machine.states.a.on.GO is no object literal',
    [written('{ on: { GO: TARGET } }')]: 'machine.states.a.on.GO is no object literal',
    [written("{ on: { GO: [...ways, 'a'] } }")]: 'machine.states.a.on.GO has a spread or a hole',
    [written("{ always: { guard: () => true, target: 'a' } }")]: 'machine.states.a.always.guard is no object literal',
    [written('{ entry: assign({}) }')]: 'machine.states.a.entry is no object literal',
    [written('{ invoke: { src: fromPromise(f) } }')]: 'machine.states.a.invoke.src is no string literal',
    "createMachine({ id: 'm' })": 'createMachine is not called on setup()',
    "setup({ ...common }).createMachine({ id: 'm' })": 'setup has a spread',
    'setup({}).createMachine(config as unknown)': 'machine is no object literal',
  };
  for (const [source, message] of Object.entries(wrong)) {
    assert.throws(
      () => machinesIn(source),
      (error: Error) => error.message === message,
      source,
    );
  }
});

test.run();
