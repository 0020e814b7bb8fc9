/** What became of the messages; shared by all links of one run. */
export interface Tally {
  /** Handed to MQTT, QoS 0 included. */
  published: number;
  /** QoS 0: sent without a promise, so nobody acknowledges it. */
  unpromised: number;
  /** PUBACK or PUBCOMP received. */
  acknowledged: number;
  /** PUBLISH packets sent once more, after a connection was lost. */
  retried: number;
  connections: number;
}

export interface Summary extends Readonly<Tally> {
  /** Published with QoS 1 or 2, and no acknowledgement came. */
  readonly notAcknowledged: number;
}

export function newTally(): Tally {
  return { published: 0, unpromised: 0, acknowledged: 0, retried: 0, connections: 0 };
}

export function summaryOf(tally: Tally): Summary {
  const { published, unpromised, acknowledged } = tally;
  return { ...tally, notAcknowledged: published - unpromised - acknowledged };
}

/** `published 12 (2 with QoS 0), acknowledged 10, retried 0, not acknowledged 0` */
export function describeSummary(summary: Summary): string {
  const { published, unpromised, acknowledged, retried, notAcknowledged } = summary;
  const without = unpromised > 0 ? ` (${unpromised} with QoS 0)` : '';
  const counts = `acknowledged ${acknowledged}, retried ${retried}`;
  return `published ${published}${without}, ${counts}, not acknowledged ${notAcknowledged}`;
}
