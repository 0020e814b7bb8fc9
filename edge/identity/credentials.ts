/** What enrolment yields, and what the uplink shows to the cloud. PEM texts. */
export interface GatewayCredentials {
  readonly gatewayId: string;
  readonly tenant: string;
  readonly site: string;
  /** Where the cloud ends gateways' streams: `host:port`, or `https://host:port`. */
  readonly grpcUrl: string;
  readonly key: string;
  /** The client certificate, and after it what links it to the authority. */
  readonly certificate: string;
  /** The authority that the claim code's fingerprint pinned; nothing else is trusted. */
  readonly ca: string;
}
