import { hash } from 'node:crypto';

/** Rows of one service from one partition of the log are one chain. */
export interface ChainName {
  readonly service: string;
  readonly partition: bigint;
}

/** Where a chain ends: its last index, and the hash of that row. */
export interface ChainEnd {
  readonly length: bigint;
  readonly hash: string;
}

/** What a row says, beside its place in the chain. */
export interface RowContent {
  readonly eventId: string;
  readonly tenant: string;
  readonly subject: string;
  readonly sequence: bigint;
  /** RFC 3339, as the event has it. */
  readonly time: string;
  /** Empty where the event has none. */
  readonly traceparent: string;
  /** Canonical JSON (RFC 8785) of the audit entry. */
  readonly entry: string;
}

export interface ChainLink {
  readonly index: bigint;
  readonly previousHash: string;
  readonly hash: string;
}

/** `service/partition`, as people and the paths name a chain. */
export function chainLabel({ service, partition }: ChainName): string {
  return `${service}/${partition}`;
}

export const CHAIN_START: ChainEnd = { length: 0n, hash: '0'.repeat(64) };

/** The next place of a chain, for this content. */
export function linkAfter(chain: ChainName, end: ChainEnd, content: RowContent): ChainLink {
  const index = end.length + 1n;
  const previousHash = end.hash;
  return { index, previousHash, hash: rowHash(chain, { index, previousHash }, content) };
}

/**
 * SHA-256 in hex over length-prefixed fields: each is its number of bytes in decimal, a colon, and
 * itself in UTF-8, one after another, so that no two rows have the same bytes. The first names this
 * encoding; whoever changes it gives it another name.
 */
export function rowHash(
  { service, partition }: ChainName,
  { index, previousHash }: Omit<ChainLink, 'hash'>,
  content: RowContent,
): string {
  const { eventId, tenant, subject, sequence, time, traceparent, entry } = content;
  const place = ['holdfast-audit-1', service, `${partition}`, `${index}`, previousHash];
  return fieldsHash([...place, eventId, tenant, subject, `${sequence}`, time, traceparent, entry]);
}

/** The ends of all chains at one moment; heads are a chain, too. */
export interface Head {
  readonly index: bigint;
  readonly atMicros: bigint;
  /** Canonical JSON of `[service, partition, length, hash]` per chain, sorted. */
  readonly chains: string;
  readonly previousHash: string;
}

export function headHash({ index, atMicros, chains, previousHash }: Head): string {
  return fieldsHash(['holdfast-audit-head-1', `${index}`, previousHash, `${atMicros}`, chains]);
}

function fieldsHash(fields: readonly string[]): string {
  const encoded = fields.map((field) => `${Buffer.byteLength(field)}:${field}`);
  return hash('sha256', encoded.join(''));
}
