import { readdirSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { nodesOf, transitionsOf } from '../../src/testing/coverage.ts';
import { chart, Rig } from './rig.ts';

/** `RFC 6120 §4.3.2`, `XEP-0368`, and several of them. */
const CITATION = /^(RFC \d{3,4}|XEP-\d{4})( §\d+(\.\d+)*)?(, (RFC \d{3,4}|XEP-\d{4})( §\d+(\.\d+)*)?)*$/;

const entries = Object.entries(catalogue);

/** The name of an action, guard, delay or actor as the chart has it; undefined for one that was written in place. */
function nameOf(reference: unknown): string | undefined {
  if (typeof reference === 'string') return reference;
  if (typeof reference !== 'object' || reference === null || !('type' in reference)) return undefined;
  return String(reference.type);
}

/** What a node refers to by kind, looked up in the configuration since XState adds timers of its own to entry and exit. */
function referencesOf(node: AnyStateNode): Record<'actions' | 'guards' | 'delays' | 'actors', unknown[]> {
  const list = (value: unknown) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
  const transitions = transitionsOf(node);
  return {
    actions: [
      ...list(node.config.entry),
      ...list(node.config.exit),
      ...transitions.flatMap((transition) => transition.actions as readonly unknown[]),
    ],
    guards: transitions.flatMap((transition) => list(transition.guard)),
    delays: node.after.map((transition) => transition.delay),
    actors: node.invoke.map((invocation) => invocation.src),
  };
}

const tests = chart('machines/catalogue');

for (const [title, { machine, inputs }] of entries) {
  const nodes = nodesOf(machine.root);

  tests(`${title}: every state is described, and says by what standard in the standard's own way`, () => {
    for (const node of nodes) {
      if (node !== machine.root) assert.ok(node.description, `${node.id} has no description`);
      const { spec } = (node.meta ?? {}) as { spec?: string };
      if (spec !== undefined) assert.match(spec, CITATION, node.id);
    }
  });

  tests(`${title}: every state that is named exists`, () => {
    for (const node of nodes) {
      // Both are looked up when they are touched, and throw for a name that no state has.
      if (node.type === 'compound') assert.ok(node.initial.target.length > 0, node.id);
      for (const { target, reenter } of transitionsOf(node)) {
        assert.ok(target === undefined || target.length > 0, node.id);
        assert.ok(!reenter || target !== undefined, `${node.id} is entered again without a target`);
      }
    }
  });

  tests(`${title}: every action, guard, delay and actor has a name that is known`, () => {
    const known = (machine as AnyStateMachine).implementations;
    for (const node of nodes) {
      for (const [kind, references] of Object.entries(referencesOf(node))) {
        for (const reference of references) {
          const name = nameOf(reference);
          assert.ok(name, `${node.id} has one of the ${kind} in place: ${reference}`);
          assert.ok(name in known[kind as keyof typeof known], `${node.id}: no ${name} among the ${kind}`);
        }
      }
    }
  });

  tests(`${title}: every sample input brings it to life`, () => {
    for (const input of Object.values(inputs)) {
      const rig = new Rig<AnyStateMachine>(machine, input);
      assert.is(rig.snapshot.status, 'active');
    }
  });
}

tests('every machine has the id that it is listed under', () => {
  assert.equal(
    entries.map(([, { machine }]) => machine.id),
    entries.map(([title]) => title),
  );
});

tests('the charts import xstate and each other, and nothing else', () => {
  const folder = new URL('../../machines/', import.meta.url);
  const files = readdirSync(folder).filter((file) => /\.(js|d\.ts)$/.test(file));
  assert.ok(files.includes('index.js') && files.includes('index.d.ts'));
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)) {
      assert.match(specifier as string, /^(xstate|\.\/[a-z]+\.[jt]s)$/, file);
    }
  }
});

tests.run();
