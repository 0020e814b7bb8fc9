/** What one run of the publisher does; it gets this as JSON in its only argument. */
export interface LoadShape {
  readonly port: number;
  readonly clients: number;
  readonly payloadBytes: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** As fast as acknowledgements allow, or at a rate that does not wait for them. */
  readonly pace:
    | { readonly kind: 'window'; readonly inFlight: number }
    | { readonly kind: 'rate'; readonly perSecond: number };
}

/** What it prints, as one line of JSON. */
export interface LoadResult {
  /** Acknowledged within the measured time, and over the whole run. */
  readonly acked: number;
  readonly ackedInAll: number;
  readonly sentInAll: number;
  /** What had no acknowledgement when the run's last deadline passed. */
  readonly unacked: number;
  readonly seconds: number;
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  /** The publisher's own share of a core: near 1, it measured itself. */
  readonly cpuShare: number;
}
