import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';

const test = suite('visualizations/engine', 30_000);

test('who has not installed elkjs is told so, by a type', () => {
  const hooks = `export function resolve(name, context, next) {
    if (name.startsWith('elkjs')) throw new Error('not found');
    return next(name, context);
  }`;
  const program = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
    const { loadEngine } = await import(${JSON.stringify(new URL('../../visualizations/engine.js', import.meta.url).href)});
    await loadEngine().catch(({ name, code, message, cause }) => {
      console.log(JSON.stringify({ name, code, message, cause: cause.message }));
    });`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.ok(stdout !== '', stderr);
  assert.equal(JSON.parse(stdout), {
    name: 'LayoutEngineMissingError',
    code: 'LAYOUT_ENGINE_MISSING',
    message: 'drawing a chart needs elkjs: npm install elkjs',
    cause: 'not found',
  });
});

test.run();
