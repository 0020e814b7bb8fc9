import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { PositionSet, SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { Exchange } from './buffer.ts';
import type { BootWindow } from './device-window.ts';
import type { BufferReader } from './inspection/buffer-reader.ts';
import type { Remedy } from './store-faults.ts';
import type { StoreWriter } from './store-writer.ts';

export interface StreamKey {
  readonly id: number;
  readonly incarnation: string;
  readonly lane: Lane;
}

/** One lane of one incarnation. */
export interface StreamRow extends StreamKey {
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
  /** A BlockBody, as it is. Alone in its memory, which moves to the store's thread. */
  readonly body: Uint8Array;
  readonly traceparent: string;
}

/** A device's boot as it is at the end of a turn. */
export interface WindowRow {
  readonly device: string;
  readonly boot: string;
  readonly used: number;
  readonly highest: bigint;
  readonly seen: Uint8Array;
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
  readonly windows: readonly WindowRow[];
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
  /** Puts the block in the place of those in its range, whose messages it stands for. */
  condense(stream: number, block: Block, settlement: Settlement): void;
  /** Stores the settlement and deletes the rows within it. */
  discard(stream: number, settlement: Settlement): void;
  /** What may have been sent: at least what was. */
  sent(stream: number): PositionSet;
  markSent(stream: number, sent: PositionSet): void;
  holdTurn(turn: Uint8Array): void;
  /**
   * Gives a part of the file's free space back to the volume when most of the file is free. True
   * when there is more to give; the caller asks again, and lets others write in between.
   */
  shrink(): boolean;
  close(): void;
}

/** What may be read beside the writes: each call sees what was committed before it. */
export type StoreReads = Pick<
  BufferStore,
  'windows' | 'exchanges' | 'sealed' | 'block' | 'held' | 'sent'
>;

/** A store with what was read when it was opened. */
export interface OpenedStore {
  readonly incarnation: string;
  readonly turn: Uint8Array;
  readonly streams: readonly StreamRow[];
  readonly reads: StoreReads;
  readonly writer: StoreWriter;
  /** Where a damaged file was put, when there was one. */
  readonly quarantined: string | undefined;
  /** Calls back when the present turn of the event loop is over: then its appends are one group. */
  readonly soon: (callback: () => void) => void;
  /** How far apart commits of many begin at least; 0 where another clock decides. */
  readonly commitSpacingMs: number;
  /** After the writes that were asked for. */
  close(): Promise<void>;
  /**
   * The file once more, after this store was closed: `again` syncs all that it holds, `salvage`
   * replaces it by what is readable of it.
   */
  reopen(remedy: Remedy): OpenedStore;
  /** A look at the file beside the work on it. Throws STORE_DAMAGED when its head is unreadable. */
  look(): BufferReader;
}
