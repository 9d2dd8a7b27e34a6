/** What the processes of a run have to agree on. */
import { join } from 'node:path';
import type { Measurement } from './measures.ts';

/** Where the firehose listens. `managed` offers stream management, `plain` does not; the other two do, behind TLS. */
export interface Ports {
  readonly plain: number;
  readonly managed: number;
  readonly starttls: number;
  readonly direct: number;
}

/** What the firehose tells its parent once it listens. */
export interface Ready {
  readonly ports: Ports;
  /** The authority behind its certificate, PEM. */
  readonly ca: string;
}

/** What a contender is asked to measure. */
export interface Task {
  readonly measure: Measurement;
  readonly ports: Ports;
}

/** Figures by the name of their row. */
export type Figures = Readonly<Record<string, number>>;

/** The namespace of what the firehose is asked to do. */
export const BENCH = 'urn:xstanza:bench';

/** Where the other library is installed: beside the sources of this folder, which run from their compiled copies. */
export const INSTALLED = join(process.cwd(), 'test', 'bench', 'package.json');

export const HOST = '127.0.0.1';
export const DOMAIN = 'localhost';
export const USERNAME = 'juliet';
export const PASSWORD = 'wherefore art thou';
export const ROMEO = 'romeo@localhost/orchard';
