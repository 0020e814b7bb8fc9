import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { InboxTables } from '../../platform/outbox/inbox-positions.ts';
import type { OutboxTables } from '../../platform/outbox/outbox.ts';
import type { FenceReason } from '../domain/fencing.ts';

/** edge-link's own tables. 64-bit integers are bigint, times are microseconds since 1970. */
export interface EdgeLinkTables extends OutboxTables, InboxTables {
  gateways: GatewaysTable;
  incarnations: IncarnationsTable;
  lane_positions: LanePositionsTable;
  gone_positions: GonePositionsTable;
  recent_blocks: RecentBlocksTable;
  parked_blocks: ParkedBlocksTable;
  consumed_offsets: ConsumedOffsetsTable;
  /** What `auth` says of them; a row stays for ever. */
  revoked_gateways: { gateway_id: string; revoked_at: bigint };
}

export type GatewayState = 'connected' | 'disconnected' | 'fenced';

/** The state behind the `gateways` events. */
export interface GatewaysTable {
  gateway_id: string;
  tenant: string;
  site: string;
  incarnation: string;
  state: GatewayState;
  /** The stream that owns the row; another stream's end does not touch it. */
  stream_id: string;
  seen_at: bigint;
  /** How many Welcomes it ever got: a stream that was opened before the last one is out of date. */
  welcomes: bigint;
}

export interface IncarnationsTable {
  gateway_id: string;
  incarnation: string;
  shown_turn: string;
  /** Comma-separated, newest last. */
  issued_turns: string;
  fenced: FenceReason | null;
  /** 1 when a newer incarnation of the gateway has spoken. */
  superseded: bigint;
  /** The most that was reported as delivered: `lane=count`, comma-separated. */
  reported_delivered: string;
}

interface LaneKeyColumns {
  gateway_id: string;
  incarnation: string;
  lane: Lane;
}

interface PositionColumns {
  contiguous: bigint;
  /** `first-last`, comma-separated, ascending. */
  ranges: string;
}

/** What is durably in the log, as the consumer of the same log found it. */
export interface LanePositionsTable extends LaneKeyColumns, PositionColumns {
  block_count: bigint;
}

/** What the gateway says that it will never send. */
export interface GonePositionsTable extends LaneKeyColumns, PositionColumns {}

/** The last RECENT_BLOCKS_KEPT blocks of each lane, to tell a repeat from a conflict. */
export interface RecentBlocksTable extends LaneKeyColumns {
  first_sequence: bigint;
  last_sequence: bigint;
  checksum: string;
  log_offset: bigint;
}

/** Blocks that must not be applied: a person looks at them. */
export interface ParkedBlocksTable extends LaneKeyColumns {
  first_sequence: bigint;
  last_sequence: bigint;
  checksum: string;
  reason: string;
  /**
   * Null when the gateway's share of parked bytes was used up: the record stays, the bytes do not.
   */
  bytes: Uint8Array | null;
  parked_at: bigint;
}

/** Where the positions' consumer stands, stored with its effect. */
export interface ConsumedOffsetsTable {
  topic: string;
  partition: bigint;
  next_offset: bigint;
}
