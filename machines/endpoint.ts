/** Where one attempt may connect to. Plain data, safe to show. */
export interface Endpoint {
  /** A host name or an IP literal without brackets. */
  readonly host: string;
  /** From 1 to 65535. */
  readonly port: number;
  /** `starttls` upgrades inside the stream (RFC 6120 §5), `direct` speaks TLS from the first byte (XEP-0368). */
  readonly tls: 'starttls' | 'direct';
  /** Who named it: the server's SM `location` or `see-other-host`, the application, an SRV record, or the fallback. */
  readonly source: 'location' | 'redirect' | 'application' | 'srv' | 'fallback';
}
