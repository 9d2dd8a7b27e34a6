/**
 * The world in which the programs of a page run: a DNS that knows example.org, which is a test server, and nothing else. They run
 * one after the other in this process, which says before each its name in a line of its own.
 *
 *   node world.js PORT FILE...
 */
import { Resolver } from 'node:dns/promises';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What begins the output of a program, followed by the name of its file. */
export const BEGINS = '\u0001';

const [, script = '', port, ...files] = process.argv;

if (basename(script) === 'world.js') {
  Resolver.prototype.resolveSrv = async (name: string) => {
    if (name === '_xmpp-client._tcp.example.org') {
      return [{ name: '127.0.0.1', port: Number(port), priority: 0, weight: 0 }];
    }
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  for (const file of files) {
    console.log(BEGINS + basename(file));
    await import(pathToFileURL(file).href);
  }
  // What a program leaves running, as a bot does, ends here.
  process.exit(0);
}
