import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Generated } from 'kysely';
import type { InboxTables } from '../../platform/outbox/inbox.ts';
import type { GatewayState } from '../domain/gateway-state.ts';

/**
 * Times are microseconds since 1970; `stored_at` is by the cloud's clock, the rest by the gateway's
 * or the device's.
 */
export interface TelemetryTables extends InboxTables {
  series: {
    id: Generated<bigint>;
    tenant: string;
    site: string;
    device: string;
    metric: string;
  };
  /**
   * Where readings came from, and how far: the position moves in the transaction of its effects.
   */
  streams: {
    id: Generated<bigint>;
    tenant: string;
    gateway_id: string;
    incarnation: string;
    lane: Lane;
    site: string;
    contiguous: bigint;
    /** JSON: [[first, last], …] as decimal texts. */
    ranges: string;
    last_event_at: bigint;
    /** Messages of which the gateway sent summaries; the position holds them, too. */
    condensed: Generated<bigint>;
  };
  /**
   * Readings of one series, stream and hour. What arrives is appended as a small part; folding
   * makes one of them and adds them to the hour's roll-up, so a part counts in the roll-up exactly
   * when it is folded.
   */
  parts: {
    id: Generated<bigint>;
    series_id: bigint;
    hour: bigint;
    stream_id: bigint;
    folded: bigint;
    first_time: bigint;
    last_time: bigint;
    first_sequence: bigint;
    last_sequence: bigint;
    reading_count: bigint;
    stored_at: bigint;
    body: Uint8Array;
  };
  roll_ups: {
    series_id: bigint;
    hour: bigint;
    /** Grows with each fold: two that fold the same hour cannot both win. */
    revision: bigint;
    summary: Uint8Array;
    minutes: Uint8Array | null;
    stored_at: bigint;
  };
  latest: {
    series_id: bigint;
    stream_id: bigint;
    sequence: bigint;
    time: bigint;
    received_at: bigint;
    flags: bigint;
    value: number | null;
    body: Uint8Array | null;
  };
  /**
   * What could not be applied, with its bytes: settled, reported, and there for a person to look
   * at.
   */
  parked: {
    id: Generated<bigint>;
    /** Of topic, partition, offset and bytes: a redelivered event is parked once. */
    digest: string;
    topic: string;
    log_partition: bigint;
    log_offset: bigint;
    reason: string;
    detail: string;
    tenant: string | null;
    gateway_id: string | null;
    incarnation: string | null;
    lane: string | null;
    first_sequence: bigint | null;
    record_count: bigint;
    parked_at: bigint;
    body: Uint8Array;
  };
  /**
   * The offset after the last event whose effect is here. Informs; what repeats is judged by the
   * positions.
   */
  log_positions: { topic: string; log_partition: bigint; next_offset: bigint };
  /** Of gateways that may never have been heard of. */
  revocations: { tenant: string; gateway_id: string; revoked_at: bigint };
  gateways: {
    tenant: string;
    gateway_id: string;
    site: string;
    state: GatewayState;
    reason: string | null;
    incarnation: string;
    software_version: string | null;
    buffer_bytes: bigint;
    connected_devices: bigint;
    last_seen: bigint;
    reported_at: bigint | null;
    /** JSON: the lane ledgers of the last report. */
    lanes: string;
  };
  /** Who folds and deletes. Only saves work: two at once are kept apart by the transactions. */
  leases: { name: string; holder: string; until: bigint };
}
