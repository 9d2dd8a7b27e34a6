/** Namespaces of the protocols that this client speaks itself. */
export const NS = {
  client: 'jabber:client',
  stream: 'http://etherx.jabber.org/streams',
  streamErrors: 'urn:ietf:params:xml:ns:xmpp-streams',
  stanzaErrors: 'urn:ietf:params:xml:ns:xmpp-stanzas',
  tls: 'urn:ietf:params:xml:ns:xmpp-tls',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  /** XEP-0440 */
  bindings: 'urn:xmpp:sasl-cb:0',
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  session: 'urn:ietf:params:xml:ns:xmpp-session',
  /** XEP-0198 */
  sm: 'urn:xmpp:sm:3',
  /** XEP-0199 */
  ping: 'urn:xmpp:ping',
  /** XEP-0004 */
  data: 'jabber:x:data',
  /** XEP-0030 */
  discoInfo: 'http://jabber.org/protocol/disco#info',
  discoItems: 'http://jabber.org/protocol/disco#items',
  /** XEP-0115 */
  caps: 'http://jabber.org/protocol/caps',
  /** XEP-0390 */
  caps2: 'urn:xmpp:caps',
  /** XEP-0300 */
  hashes: 'urn:xmpp:hashes:2',
  /** XEP-0203 */
  delay: 'urn:xmpp:delay',
  /** XEP-0280 */
  carbons: 'urn:xmpp:carbons:2',
  /** XEP-0297 */
  forward: 'urn:xmpp:forward:0',
  /** XEP-0352 */
  csi: 'urn:xmpp:csi:0',
  /** RFC 6121 §2 */
  roster: 'jabber:iq:roster',
  /** RFC 6121 §2.6 */
  rosterVersions: 'urn:xmpp:features:rosterver',
} as const;
