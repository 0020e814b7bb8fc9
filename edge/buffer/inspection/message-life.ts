import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { coverage } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { BodyRecord } from '@holdfast/shared/lib/block-body.ts';
import type { StreamRow } from '../buffer-store.ts';
import type { BufferReader, DatedSettlement, StoredRow } from './buffer-reader.ts';
import { type OpenedRow, openRow } from './opened-row.ts';

export interface MessageLife {
  readonly stream: StreamRow;
  readonly sequence: bigint;
  readonly end:
    | { readonly kind: 'pending' | 'delivered' | 'lost' }
    | { readonly kind: 'settled'; readonly settlement: DatedSettlement };
  /** Where it lies; undefined when it was freed. */
  readonly held: { readonly row: StoredRow; readonly opened: OpenedRow } | undefined;
  /** Undefined when it was freed, is damaged, or was condensed. */
  readonly message: BodyRecord | undefined;
}

/** What became of one message. Throws NOT_FOUND when the lane has not accepted so many. */
export function messageLife(
  reader: BufferReader,
  stream: StreamRow,
  sequence: bigint,
): MessageLife {
  const chunk = reader.held(stream.id, { first: sequence, last: sequence });
  const now = chunk.stream;
  if (sequence > now.accepted)
    throw new AppError('NOT_FOUND', `${now.lane} has accepted ${now.accepted} messages`, {
      hint: `of incarnation ${now.incarnation}; --incarnation names another one`,
    });
  const settlement = reader.settlementOf(stream.id, sequence);
  const row = chunk.rows.find(({ range }) => range.first <= sequence && sequence <= range.last);
  const opened = row && openRow(now, row);
  return {
    stream: now,
    sequence,
    end: settlement ? { kind: 'settled', settlement } : { kind: endOf(now, sequence, row) },
    held: row && opened && { row, opened },
    message: row && opened && recordOf(row, opened, sequence),
  };
}

function endOf(stream: StreamRow, sequence: bigint, row: StoredRow | undefined) {
  const itself = { first: sequence, last: sequence };
  if (coverage(stream.acknowledged, itself) === 'covered') return 'delivered';
  return row ? 'pending' : 'lost';
}

function recordOf(row: StoredRow, opened: OpenedRow, sequence: bigint): BodyRecord | undefined {
  if (opened.kind === 'damaged' || opened.form === 'summaries') return undefined;
  return opened.body.record(Number(sequence - row.range.first));
}

/** The lane of one incarnation: the present one when none is named. Throws NOT_FOUND. */
export function streamOf(
  reader: BufferReader,
  lane: Lane,
  incarnation: string = reader.incarnation,
): StreamRow {
  const streams = reader.streams();
  const found = streams.find((one) => one.lane === lane && one.incarnation === incarnation);
  if (found) return found;
  const known = [...new Set(streams.map((stream) => stream.incarnation))].join(', ');
  throw new AppError('NOT_FOUND', `the buffer has no incarnation ${incarnation}`, {
    hint: `It holds: ${known}`,
  });
}
