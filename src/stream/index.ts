/// <reference types="node" preserve="true" />
/** `xstanza/stream`: the XML stream on its own, for those who negotiate it themselves. */
export type { Logger } from '../logger.ts';
export type { Connect } from '../transport/tcp.ts';
export type { TlsOptions } from '../transport/tls.ts';
export type { DeadTimeLimits } from './dead-time.ts';
export type { ElementType, ValueOf } from './dispatcher.ts';
export type { Crossing } from './tap.ts';
export {
  type AnswerOptions,
  STREAM_STATES,
  type StartTlsOptions,
  type StreamEndpoint,
  type StreamState,
  XMLStream,
  type XMLStreamEvents,
  type XMLStreamOptions,
} from './xml-stream.ts';
