import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { PositionSet, SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { Exchange } from './buffer.ts';
import type { BootWindow } from './device-window.ts';

/** One lane of one incarnation. */
export interface StreamRow {
  readonly id: number;
  readonly incarnation: string;
  readonly lane: Lane;
  readonly accepted: bigint;
  readonly unkeyed: number;
  readonly duplicates: number;
  readonly acknowledged: PositionSet;
  readonly settled: readonly Settlement[];
}

export const SETTLEMENTS = ['parked', 'condensed', 'dropped', 'damaged'] as const;
export type SettlementKind = (typeof SETTLEMENTS)[number];

/** A range that ended otherwise than by delivery (I3). */
export interface Settlement {
  readonly kind: SettlementKind;
  readonly range: SequenceRange;
  readonly reason: string;
}

/**
 * The messages of one lane that were accepted in one turn: the row that makes an append durable.
 */
export interface GroupRow {
  readonly stream: number;
  readonly range: SequenceRange;
  /** A BlockBody, as it is. */
  readonly body: Uint8Array;
  readonly traceparent: string;
}

export interface StreamHead {
  readonly stream: number;
  readonly accepted: bigint;
  readonly unkeyed: number;
  readonly duplicates: number;
}

export type ExchangeChange =
  | { readonly kind: 'taken' | 'released'; readonly exchange: Exchange }
  | { readonly kind: 'forgotten'; readonly clientId: string };

/** Everything that one turn makes durable, in one transaction. */
export interface TurnWrite {
  readonly groups: readonly GroupRow[];
  readonly heads: readonly StreamHead[];
  readonly windows: readonly { readonly device: string; readonly window: BootWindow }[];
  readonly evictedBoots: readonly { readonly device: string; readonly boot: string }[];
  /** In the order of the calls. */
  readonly exchanges: readonly ExchangeChange[];
}

/** A group or a block, without its body. */
export interface HeldRow {
  readonly range: SequenceRange;
  readonly bytes: number;
}

/** A group as it lies on the disk; `intact` is false when its checksum is wrong. */
export interface UnsealedRow extends GroupRow {
  readonly intact: boolean;
}

/**
 * What the buffer keeps, as rows. Synchronous: each call that changes something is one transaction,
 * synced to disk when it returns, and changes nothing when it throws. It judges nothing.
 *
 * - The step `buffer.<what>.before-commit` is reached with all rows written and nothing durable,
 *   `buffer.<what>.committed` right after the commit.
 * - A write that finds the disk full throws BUFFER_FULL.
 * - Rows of another incarnation than the present one stay readable.
 */
export interface BufferStore {
  readonly incarnation: string;
  turn(): Uint8Array;
  streams(): readonly StreamRow[];
  /** Bytes of the file that hold something: budget, not file size. */
  usedBytes(): number;
  /** Bytes of the file. */
  fileBytes(): number;

  windows(device: string): readonly BootWindow[];
  exchanges(clientId: string): readonly number[];
  append(turn: TurnWrite): void;

  /** Groups that end at or before `upTo`, ascending, at most `limit`. */
  unsealed(stream: number, upTo: bigint, limit: number): readonly HeldRow[];
  /** The groups that lie within the range, ascending. */
  groups(stream: number, range: SequenceRange): readonly UnsealedRow[];
  /** Inserts the block and deletes the groups that it replaces. */
  seal(stream: number, block: Block): void;
  sealed(stream: number, from: bigint, limit: number): readonly HeldRow[];
  /**
   * The block whose first sequence this is; undefined when it was freed. Throws STORE_DAMAGED when
   * it is unreadable.
   */
  block(stream: number, first: bigint): Block | undefined;

  /** Stores the position and deletes what lies within `freed`. */
  acknowledge(stream: number, position: PositionSet, freed: readonly SequenceRange[]): void;
  /** Rows that begin in the range or reach into it, sealed or not. */
  held(stream: number, range: SequenceRange): readonly SequenceRange[];
  /**
   * Stores the settlements, and moves the rows within them out of the way, where `export` finds
   * them.
   */
  settle(stream: number, settlements: readonly Settlement[]): void;
  holdTurn(turn: Uint8Array): void;
  close(): void;
}

/** A store with the positions that were read when it was opened. */
export interface OpenedStore {
  readonly store: BufferStore;
  readonly streams: readonly StreamRow[];
  /** Where a damaged file was put, when there was one. */
  readonly quarantined: string | undefined;
  /** Calls back when the present turn of the event loop is over: then its appends are one group. */
  readonly soon: (callback: () => void) => void;
}
