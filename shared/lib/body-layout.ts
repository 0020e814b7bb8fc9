import type { ClockEpoch } from '../contracts/gen/holdfast/edge/v1/edge_link.ts';
import { AppError } from './app-error.ts';

/** One body, decoded: below the log's limit of 900 KB an event even when nothing compresses. */
export const BODY_BYTES_MAX = 512 * 1024;
export const BODY_RECORDS_MAX = 4096;
/** An epoch's stretch: what `elapsedMicros` can say. */
export const ELAPSED_MICROS_MAX = 2 ** 32 - 1;

export type BodyEpoch = Readonly<ClockEpoch>;

/** What a device sent, and where it belongs. */
export interface BodyContent {
  readonly topic: string;
  readonly device?: string | undefined;
  readonly channel?: string | undefined;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly key?: { readonly boot: string; readonly sequence: bigint } | undefined;
}

/** When the gateway received it. */
export interface ReceiveTime {
  readonly epoch: BodyEpoch;
  /** Since the epoch's base. */
  readonly elapsedMicros: number;
}

/** One message of a block. */
export interface BodyRecord extends BodyContent, ReceiveTime {}

/** A body that was decoded and checked: every index, length and count in it fits. */
export interface DecodedBody {
  readonly count: number;
  readonly epochs: readonly BodyEpoch[];
  /** The payload is a view into the decoded bytes. */
  record(index: number): BodyRecord;
}

export const QOS_MASK = 0b11;
export const RETAIN_FLAG = 0b100;
export const KEYED_FLAG = 0b1000;

/** The fields of BlockBody, by number. */
export const FIELD = {
  names: 1,
  epochs: 2,
  topic: 3,
  device: 4,
  channel: 5,
  epoch: 6,
  elapsed: 7,
  flags: 8,
  payloads: 9,
  payloadBytes: 10,
  keyBoot: 11,
  keySequence: 12,
} as const;

export function malformed(reason: string, cause?: unknown): AppError {
  return new AppError('STORE_DAMAGED', `block body is malformed: ${reason}`, { cause });
}
