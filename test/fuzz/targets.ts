import { codec } from './codec.ts';
import { readers } from './readers.ts';
import { session } from './session.ts';
import type { Target } from './target.ts';
import { jids, scram } from './texts.ts';

/** Everything that is fuzzed. */
export const TARGETS: readonly Target[] = [codec, readers, jids, scram, session];
