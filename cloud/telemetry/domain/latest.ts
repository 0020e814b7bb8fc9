/** A stream's latest reading of a metric. */
export interface Candidate {
  readonly gateway_id: string;
  readonly lane: string;
  /** Sortable: a later incarnation is greater, by bytes. */
  readonly incarnation: string;
  readonly sequence: bigint;
  readonly received_at: bigint;
}

/**
 * The latest state: within a lane of a gateway the reading of the highest (incarnation, sequence),
 * whatever its time and whenever it arrived. Between two that share no sequence, the one that was
 * received last.
 */
export function latestAmong<C extends Candidate>(candidates: Iterable<C>): C | undefined {
  const bySource = new Map<string, C>();
  for (const candidate of candidates) {
    const source = `${candidate.gateway_id}/${candidate.lane}`;
    const held = bySource.get(source);
    if (!held || isLater(candidate, held)) bySource.set(source, candidate);
  }
  let latest: C | undefined;
  for (const candidate of bySource.values()) {
    if (!latest || candidate.received_at > latest.received_at) latest = candidate;
  }
  return latest;
}

function isLater(a: Candidate, b: Candidate): boolean {
  if (a.incarnation !== b.incarnation) return a.incarnation > b.incarnation;
  return a.sequence > b.sequence;
}
