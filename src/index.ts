// Node's types are part of ours, and TypeScript 6 and later do not look for any by themselves.
/// <reference types="node" preserve="true" />
export type { BackoffPolicy } from '../machines/backoff.ts';
export type { RetryPlan, WantedPresence } from '../machines/client.ts';
export type { DiscoFailure, FoundEntity, Identity, InfoFacts, ItemFacts } from '../machines/disco.ts';
export type { Endpoint } from '../machines/endpoint.ts';
export type { Cause, Failure, FailureKind, Retry, Stage } from '../machines/failure.ts';
export type { Trust } from '../machines/negotiation.ts';
export type { Features, Security } from '../machines/wire.ts';
export { adviceOn } from './advice.ts';
export {
  Client,
  type ConnectedOptions,
  createClient,
  type FilterOptions,
  type OnceOptions,
  type ReconnectOptions,
} from './client/client.ts';
export type { ClientStats, DiagnosticMessages } from './client/diagnostics.ts';
export type { ClientEvents } from './client/events.ts';
export type { CredentialRequest, CredentialSource, Credentials } from './client/exchange.ts';
export type { Filter } from './client/filters.ts';
export type { IqExchange, IqHandler } from './client/inbound.ts';
export type { ConnectionFacts, InspectedClient, Inspector } from './client/inspect.ts';
export type {
  ClientOptions,
  EndpointOption,
  EndpointSource,
  StreamManagementOptions,
} from './client/options.ts';
export type { PresenceOptions } from './client/presence.ts';
export { ReplyError, type RequestOptions } from './client/requests.ts';
export type { ScheduleOptions } from './client/schedules.ts';
export { type Service, ServiceCycleError, type ServiceHost, type SessionActor } from './client/services.ts';
export type { Claim, ClientActor, Delivery, Hook, Preparation } from './client/shell.ts';
export { type ClientSnapshot, type Phase, phaseOf, type StreamManagement, selectRetry } from './client/snapshot.ts';
export { type Delivered, DeliveryError, type DeliveryState, type Token } from './client/token.ts';
export type { Clock } from './clock.ts';
export type { Emitter, ListenOptions, Subscription } from './emitter.ts';
export { ConnectionError, describeFailure, OptionError, QueueFullError, StateError, TimeoutError } from './error.ts';
export { escapeLocal, JID, JidError, unescapeLocal } from './jid.ts';
export type { Logger, LogLevel } from './logger.ts';
export { type Capability, type Caps, caps } from './services/caps.ts';
export { type Carbon, type Carbons, type CarbonsEvents, carbons } from './services/carbons.ts';
export { type ClientState, clientState } from './services/clientState.ts';
export { type Disco, type DiscoQueryOptions, type Discovery, disco } from './services/disco/disco.ts';
export { DiscoInfo, type DiscoInfoParts, type DiscoItem, DiscoItems } from './services/disco/info.ts';
export {
  DiscoError,
  type DiscoErrorReason,
  DiscoNode,
  type DiscoNodeEvents,
  type IdentityNames,
  RegisteredFeature,
  StaticNode,
} from './services/disco/node.ts';
export type { Ask, QueryOptions } from './services/disco/queries.ts';
export { type DiscoServer, discoServer, type Mount } from './services/disco/server.ts';
export type { FormField, ResultForm } from './services/form.ts';
export { type Ping, ping } from './services/ping.ts';
export { type Presences, type PresencesEvents, presences } from './services/presences.ts';
export {
  type Roster,
  type RosterEntry,
  type RosterEvents,
  type RosterItem,
  type RosterSubscription,
  roster,
} from './services/roster.ts';
export { StanzaError, type StanzaErrorOptions, type StanzaErrorType } from './stanza/error.ts';
export { Iq, type IqType } from './stanza/iq.ts';
export { Message, type MessageType } from './stanza/message.ts';
export { Presence, type PresenceType, type Show } from './stanza/presence.ts';
export { Stanza } from './stanza/stanza.ts';
export type { Crossing } from './stream/tap.ts';
export { type DiscoverOptions, discover, ResolveError, type ResolveSrv, type SrvRecord } from './transport/resolver.ts';
export type { Connect } from './transport/tcp.ts';
export type { TlsOptions } from './transport/tls.ts';
export type { WaitOptions } from './wait.ts';
export { type Child, Element, el, type Node } from './xml/element.ts';
export { XmlError } from './xml/error.ts';
export type { ParserLimits } from './xml/parser.ts';
export { type SerializeOptions, serialize } from './xml/serializer.ts';
export { xml } from './xml/template.ts';
