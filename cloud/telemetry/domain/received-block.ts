import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { SeriesReadings } from './block-readings.ts';
import type { StreamKey } from './reading.ts';

/** Where an event stands in the log, and its bytes. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly body: Uint8Array;
}

/** A block that was read: its place and its readings. */
export interface ReceivedBlock {
  /** The name of its stream, for maps. */
  readonly stream: string;
  readonly key: StreamKey;
  readonly site: string;
  readonly range: SequenceRange;
  readonly recordCount: number;
  /** `condensed`: its readings are summaries that stand for `recordCount` messages. */
  readonly form: 'raw' | 'condensed';
  readonly series: readonly SeriesReadings[];
  /** When edge-link appended it, microseconds since 1970. */
  readonly eventAt: bigint;
  readonly origin: Origin;
}

export const PARK_REASONS = [
  /** The envelope or the block's head cannot be read, or they contradict each other. */
  'unreadable',
  'checksum',
  /** The checksum is right, but there are no records to be had from it. */
  'undecodable',
  'partly_covered',
  /** The database refused what came out of it. */
  'refused',
] as const;
export type ParkReason = (typeof PARK_REASONS)[number];

/** A block that takes no effect: kept as it came, with what is known of it. */
export interface ParkedBlock {
  readonly reason: ParkReason;
  readonly detail: string;
  readonly origin: Origin;
  readonly recordCount: number;
  readonly key?: Partial<StreamKey>;
  readonly firstSequence?: bigint;
}

export function streamName(key: StreamKey): string {
  return `${key.tenant}\0${key.gatewayId}\0${key.incarnation}\0${key.lane}`;
}
