import { readReference } from '../../docs/reference.ts';

/** Read once: it takes a while. */
export const reference = readReference();
