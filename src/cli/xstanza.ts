#!/usr/bin/env node
/** The command `xstanza`. */
import { chart } from './chart.ts';
import { live } from './live.ts';
import { start } from './start.ts';

const USAGE = `xstanza demo                       two clients on an embedded server, followed in the browser
xstanza live --jid JID [options]   a client of your account, followed in the browser
xstanza chart [machine] [-o file]  draws a machine, ours or yours

Each says more with --help.`;

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  chart,
  demo: (args) => start(['--live', ...args]),
  live,
  start,
};

const [name = '', ...args] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command === undefined) {
  const asked = name === '--help' || name === '-h';
  (asked ? console.log : console.error)(USAGE);
  process.exitCode = asked ? 0 : 2;
} else {
  try {
    process.exitCode = await command(args);
  } catch (error) {
    console.error(`xstanza: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
