/**
 * The folder that this test process keeps everything of its servers in, and the end of both: whatever way the process
 * ends by itself, no server and no file of it stays. (A process that is killed takes its servers along, see real-server.ts.)
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let root: string | undefined;
const running = new Set<number>();

/** A new empty folder, gone at the end of this process. */
export function scratchFolder(name: string): string {
  root ??= mkdtempSync(join(tmpdir(), 'xstanza-'));
  return mkdtempSync(join(root, `${name}-`));
}

/** Has the process with this id killed at the end of ours; gives the function that takes it off the list. */
export function killAtExit(pid: number): () => void {
  running.add(pid);
  return () => running.delete(pid);
}

process.once('exit', () => {
  for (const pid of running) process.kill(pid, 'SIGKILL');
  if (root !== undefined) rmSync(root, { recursive: true, force: true, maxRetries: 3 });
});
