import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { Settlement, StreamRow } from '../buffer-store.ts';

/** A gateway's buffer file, whether or not the gateway runs. */
export interface BufferOnDisk {
  readonly file: string;
  /**
   * Throws CONFIG_INVALID when there is no buffer or it holds nothing yet, STORE_DAMAGED when its
   * head is unreadable, PROTOCOL_UNSUPPORTED when a later version wrote it.
   */
  open(): BufferReader;
  /** What the gateway set aside because it was damaged, oldest first. */
  quarantined(): readonly QuarantinedFile[];
}

export interface QuarantinedFile {
  readonly file: string;
  readonly bytes: number;
}

/**
 * Looks into the file beside the gateway that owns it.
 *
 * - It MUST NOT write, and MUST NOT hold a view of the file between two calls: an open view would
 *   keep the owner's write-ahead log from being cut.
 * - Each call sees one moment of the file; two calls may see different ones.
 * - A call returns a bounded part of the queue, never all of it.
 * - What is unreadable throws STORE_DAMAGED, but for `held`, which tells it.
 */
export interface BufferReader {
  readonly fileBytes: number;
  readonly incarnation: string;
  /** The turn of the last Welcome; empty before the first. */
  readonly turn: Uint8Array;
  /** How the file was made, when it was made of a damaged one. */
  readonly salvage: SalvageRecord | undefined;
  /** By age of their incarnation. */
  streams(): readonly StreamRow[];
  totals(stream: number): HeldTotals;
  settlementOf(stream: number, sequence: bigint): DatedSettlement | undefined;
  /** Rows that hold something of the span, ascending, from its start on. */
  held(stream: number, span: SequenceRange): HeldChunk;
  /** What is wrong with the file's own structure, at most `limit` sentences. */
  structureProblems(limit: number): readonly string[];
  close(): void;
}

/** What the last salvage found. */
export interface SalvageRecord {
  /** Microseconds since 1970. */
  readonly atMicros: string;
  /** Messages that were brought over, in blocks and groups. */
  readonly messages: number;
  readonly blocks: number;
  readonly groups: number;
  /** Messages that were not readable, and were settled as damaged. */
  readonly damaged: number;
  /** The positions were not certain: what came since has another incarnation. */
  readonly newIncarnation: boolean;
}

export interface HeldTotals {
  readonly groups: bigint;
  readonly blocks: bigint;
  readonly bytes: bigint;
}

export interface DatedSettlement extends Settlement {
  readonly atMicros: bigint;
}

export interface HeldChunk {
  /** The lane at the moment when the rows were read. */
  readonly stream: StreamRow;
  /** The same number as in the chunk before: nobody wrote in between. */
  readonly version: number;
  readonly rows: readonly StoredRow[];
  /** False when the rest of the span may hold more rows. */
  readonly complete: boolean;
  /** Why what follows these rows cannot be found, and from where on it can again. */
  readonly damage: { readonly reason: string; readonly resume: bigint | undefined } | undefined;
}

export interface StoredRow {
  readonly kind: 'group' | 'block';
  readonly range: SequenceRange;
  /** CRC-32 of a group's body. A block carries its own checksum. */
  readonly checksum: number | undefined;
  /** A BlockBody or a Block, encoded; undefined when the file does not give it back. */
  readonly bytes: Uint8Array | undefined;
}
