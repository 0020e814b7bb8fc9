import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';
import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { PositionSet, SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { BODY_BYTES_MAX, BODY_RECORDS_MAX } from '@holdfast/shared/lib/block-body.ts';

/** A message as the broker accepted it: authorised, within limits, not yet on disk. */
export interface AcceptedMessage {
  readonly lane: Lane;
  readonly topic: string;
  readonly device?: string;
  readonly channel?: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** The device's own key; a message that comes again with it is a duplicate. */
  readonly key?: DeviceKey;
  /** QoS 2: the packet id counts once until its PUBREL [MQTT-4.3.3-2]. */
  readonly exchange?: Exchange;
  /** W3C traceparent of the publish span when it is sampled. */
  readonly traceparent?: string;
}

export interface DeviceKey {
  readonly boot: string;
  readonly sequence: bigint;
}

export interface Exchange {
  readonly clientId: string;
  readonly packetId: number;
}

export type AppendOutcome =
  | { readonly kind: 'stored'; readonly sequence: bigint }
  /** The device's key or the QoS 2 exchange was stored before: acknowledge, and store nothing. */
  | { readonly kind: 'duplicate' }
  /** The lane's space is used up: do not acknowledge. */
  | { readonly kind: 'full'; readonly lane: Lane };

/** What became of messages that were synced together: all of them are on disk, or none. */
export type GroupEnd =
  | { readonly kind: 'durable' }
  /** The disk is full. */
  | { readonly kind: 'full' }
  | { readonly kind: 'failed'; readonly error: Error };

/** Whoever offers messages without a promise for each. */
export interface Offering {
  /** The group that it joined last; kept by the buffer. */
  joined: object | undefined;
  /** Called once for each group that it joined, in their order. */
  settled(end: GroupEnd): void;
}

/** What the buffer knows of one lane of one incarnation. */
export interface LanePosition {
  readonly incarnation: string;
  readonly lane: Lane;
  /** The highest sequence on disk. */
  readonly accepted: bigint;
  /** What the cloud acknowledged as durable. */
  readonly acknowledged: PositionSet;
  /** What was settled without delivery: parked, dropped, damaged. What is condensed travels. */
  readonly settled: PositionSet;
}

export interface BlockHead {
  readonly incarnation: string;
  readonly lane: Lane;
  readonly range: SequenceRange;
  /** Encoded bytes of the body. */
  readonly bytes: number;
}

export interface SealOptions {
  /**
   * Of a block's body before it is compressed; BLOCK_BYTES_MAX when left out. What was accepted in
   * one turn stays in one block, even when that is larger.
   */
  readonly bytesMax?: number;
}

/**
 * The gateway's disk (I1, I2, I3). One owner, the gateway's process.
 *
 * - `append` resolves after the message is synced to disk, in the order of the calls. Messages of
 *   one turn share one sync. Device keys and QoS 2 exchanges are judged in the same transaction.
 * - Sequences of a lane are gapless from 1, per incarnation; a record keeps the incarnation under
 *   which it was accepted.
 * - It is bounded: near its budget blocks of telemetry that were never sent are condensed, then
 *   dropped, then those of `event`; `stock` never. A message that finds no room waits for it.
 * - A block is cut once: `seal` fixes first sequence, count, codec and bytes for ever. `read`
 *   verifies its checksum.
 * - `acknowledge` frees what is covered; it is durable when it resolves. Acknowledging again is
 *   harmless.
 * - The ledger is computed from sequences and durable ranges, never from counters (I3).
 * - Opening reads positions, never the queue. A damaged file is set aside and what is readable is
 *   kept (I2).
 * - After a fault of the disk (a failed sync, a damaged page) it rejects with UNAVAILABLE until the
 *   file was opened anew, verified, and synced or salvaged; it tries by itself.
 * - `close` makes durable what was appended. After it, every call but `close` throws UNAVAILABLE.
 */
export interface Buffer {
  append(message: AcceptedMessage): Promise<AppendOutcome>;
  /**
   * `append` for the many: says at once what becomes of the message when its group ends as
   * `durable`, and tells `by` when it has ended. Undefined, without a group: nothing can be stored.
   */
  offer(message: AcceptedMessage, by: Offering): AppendOutcome | undefined;
  /** More waits for the disk than it should: whoever can should wait, too. */
  readonly isBehind: boolean;
  /** Resolves when what was asked for so far is on disk, or will never be. */
  caughtUp(): Promise<void>;
  /** PUBREL: the packet id is free again. Durable when it resolves. */
  release(exchange: Exchange): Promise<void>;
  /** A clean session ended: all its exchanges are forgotten. */
  forgetClient(clientId: string): Promise<void>;

  readonly incarnation: string;
  /** The turn of the last Welcome; empty before the first. */
  readonly turn: Uint8Array;
  /** Durable when it resolves. */
  holdTurn(turn: Uint8Array): Promise<void>;

  positions(): readonly LanePosition[];
  /**
   * Cuts what the lane holds unsealed into blocks of at most `bytesMax`, and returns their heads,
   * ascending.
   */
  seal(lane: Lane, options?: SealOptions): Promise<readonly BlockHead[]>;
  /**
   * Sealed blocks that are neither acknowledged nor settled, ascending, from `from` on, at most
   * `limit`.
   */
  sealed(incarnation: string, lane: Lane, from: bigint, limit: number): readonly BlockHead[];
  /**
   * The block as it travels. From then on it counts as sent, durably: it is neither condensed nor
   * dropped until `forgetSent`. Throws NOT_FOUND when it is not held as it was cut: it was freed,
   * dropped, or condensed, and `sealed` names the block that stands for it. Throws STORE_DAMAGED
   * when its checksum is wrong, after it was set aside and settled as damaged.
   */
  read(head: BlockHead): Promise<Block>;
  /**
   * The cloud has named all that it holds of this incarnation, and that was acknowledged: the rest
   * is nowhere. Of earlier ones it may not tell all.
   */
  forgetSent(): Promise<void>;
  acknowledge(incarnation: string, lane: Lane, durable: PositionSet): Promise<void>;
  /** Settles a range without delivery; a durable record of range and reason. */
  park(incarnation: string, lane: Lane, range: SequenceRange, reason: string): Promise<void>;

  /**
   * One entry per lane, over all incarnations. `backlog` is what is pending at or below the line (0
   * when none is drawn).
   */
  ledger(line: ReadonlyMap<Lane, bigint>): readonly LaneLedger[];
  readonly bytesOnDisk: number;
  /** Called after each commit, with the lanes that grew. Returns the unsubscribe. */
  onCommitted(listener: (lanes: ReadonlySet<Lane>) => void): () => void;
  /**
   * Called when the file was opened anew after a fault; the incarnation may be another one then.
   * Returns the unsubscribe.
   */
  onReopened(listener: () => void): () => void;
  close(): Promise<void>;
}

/** One message: topic and payload. The frame guard refuses larger ones. */
export const PAYLOAD_BYTES_MAX = 256 * 1024;
/** One sealed block's body before it is encoded; below the log's limit of 900 KB an event. */
export const BLOCK_BYTES_MAX = BODY_BYTES_MAX;
export const BLOCK_RECORDS_MAX = BODY_RECORDS_MAX;
