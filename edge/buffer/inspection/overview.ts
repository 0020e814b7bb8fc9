import { missing, sizeOf, union } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { receivedMicros } from '@holdfast/shared/lib/block-body.ts';
import type { StreamRow } from '../buffer-store.ts';
import type { BufferReader, HeldTotals } from './buffer-reader.ts';
import { messageLife } from './message-life.ts';
import { endedOf } from './walk.ts';

/** One lane of one incarnation at a glance. */
export interface LaneOverview {
  readonly stream: StreamRow;
  readonly pending: bigint;
  readonly totals: HeldTotals;
  readonly oldest: OldestPending | undefined;
}

export interface OldestPending {
  readonly sequence: bigint;
  /** Wall clock; undefined when the message is not readable. */
  readonly receivedMicros: bigint | undefined;
}

export function laneOverview(reader: BufferReader, stream: StreamRow): LaneOverview {
  // What is condensed still travels, but no longer as the messages that it was.
  const condensed = stream.settled.map((settlement) => settlement.range);
  const settled = union(endedOf(stream), { contiguous: 0n, ranges: condensed });
  const open = missing(settled, stream.accepted);
  const pending = open.reduce(
    (sum, range) => sum + sizeOf({ contiguous: 0n, ranges: [range] }),
    0n,
  );
  const first = open[0]?.first;
  return {
    stream,
    pending,
    totals: reader.totals(stream.id),
    oldest: first === undefined ? undefined : oldestOf(reader, stream, first),
  };
}

function oldestOf(reader: BufferReader, stream: StreamRow, sequence: bigint): OldestPending {
  try {
    const { message } = messageLife(reader, stream, sequence);
    return { sequence, receivedMicros: message && receivedMicros(message) };
  } catch (cause) {
    if (cause instanceof AppError && cause.code === 'STORE_DAMAGED')
      return { sequence, receivedMicros: undefined };
    throw cause;
  }
}
