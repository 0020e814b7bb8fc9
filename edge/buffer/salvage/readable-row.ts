import { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { LANES, type Lane, laneFromWire } from '@holdfast/shared/contracts/lanes.ts';
import { type PositionSet, rangeOf, type SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { SETTLEMENTS, type Settlement } from '../buffer-store.ts';
import { positionFromText } from '../position-text.ts';
import { rowChecksum } from '../row-checksum.ts';
import { rangeOfRow, SEQUENCE_MAX, streamOfRow } from '../row-id.ts';
import { isIntact } from '../sealing.ts';
import type { PageRow, SqliteValue } from './page-rows.ts';

/** A row of the buffer that is what was written, by a checksum of its own. */
export type ReadableRow =
  | { readonly kind: 'meta'; readonly name: string; readonly value: SqliteValue }
  | { readonly kind: 'stream'; readonly stream: ReadableStream }
  | { readonly kind: 'settlement'; readonly stream: number; readonly settlement: DatedSettlement }
  | ReadableBlock
  | ReadableGroup
  | { readonly kind: 'window' | 'exchange'; readonly values: readonly SqliteValue[] }
  | {
      readonly kind: 'set-aside';
      readonly stream: number;
      readonly values: readonly SqliteValue[];
    };

export interface DatedSettlement extends Settlement {
  readonly atMicros: bigint;
}

/** Each part has a checksum of its own. */
export interface ReadableStream {
  readonly id: number;
  readonly name: { readonly incarnation: string; readonly lane: Lane } | undefined;
  readonly head:
    | { readonly accepted: bigint; readonly unkeyed: bigint; readonly duplicates: bigint }
    | undefined;
  readonly acknowledged: PositionSet | undefined;
}

/** A block says itself where it belongs; nothing says that the row's id, `stream`, is right. */
export interface ReadableBlock {
  readonly kind: 'block';
  readonly stream: number;
  readonly lane: Lane;
  readonly range: SequenceRange;
  readonly block: Block;
}

export interface ReadableGroup {
  readonly kind: 'group';
  readonly stream: number;
  readonly range: SequenceRange;
  readonly values: readonly SqliteValue[];
}

/** More lanes than this are none: a row id that says so is damage. */
const STREAMS_MAX = 32_767;

/** Undefined for a row that is none of the buffer's, or that is not what was written. */
export function readableRow({ rowId, values }: PageRow): ReadableRow | undefined {
  if (rowId === undefined) return values.length === 3 ? metaRow(values) : windowRow(values);
  const stream = streamOfRow(rowId);
  if (values.length === 10)
    return isStream(Number(rowId)) ? streamRow(Number(rowId), values) : undefined;
  const [, second] = values;
  if (typeof second === 'string') return exchangeRow(values);
  if (typeof second !== 'bigint' || !isStream(stream)) return undefined;
  const place = { rowId, stream, range: rangeOfRow(rowId, second) };
  if (values.length === 4) return blockRow(stream, values);
  if (!isRange(place.range)) return undefined;
  if (values.length === 3)
    return { kind: 'set-aside', stream, values: [rowId, ...values.slice(1)] };
  return typeof values[2] === 'string' ? settlementRow(place, values) : groupRow(place, values);
}

function isStream(id: number): boolean {
  return id >= 1 && id <= STREAMS_MAX;
}

interface Place {
  readonly rowId: bigint;
  readonly stream: number;
  readonly range: SequenceRange;
}

function isRange({ first, last }: SequenceRange): boolean {
  return first >= 1n && last >= first && last <= SEQUENCE_MAX;
}

function metaRow([name, value, checksum]: readonly SqliteValue[]): ReadableRow | undefined {
  if (typeof name !== 'string' || value === null || value === undefined) return undefined;
  return isSum(checksum, name, value) ? { kind: 'meta', name, value } : undefined;
}

function windowRow(values: readonly SqliteValue[]): ReadableRow | undefined {
  if (values.length !== 6) return undefined;
  const [device, boot, used, highest, seen, checksum] = values;
  return isSum(checksum, device, boot, used, highest, seen)
    ? { kind: 'window', values }
    : undefined;
}

function exchangeRow(values: readonly SqliteValue[]): ReadableRow | undefined {
  const [, client, packet, checksum] = values;
  return values.length === 4 && isSum(checksum, client, packet)
    ? { kind: 'exchange', values: values.slice(1) }
    : undefined;
}

/** Of its parts the one that is whole also says that the row's id is its own. */
function streamRow(id: number, values: readonly SqliteValue[]): ReadableRow | undefined {
  const [, incarnation, name, nameSum, accepted, unkeyed, duplicates, headSum, position, sum] =
    values;
  const lane = LANES.find((known) => known === name);
  const isNamed = lane && isSum(nameSum, id, incarnation, lane);
  const isHead = isSum(headSum, id, accepted, unkeyed, duplicates);
  const isPosition = isSum(sum, id, position);
  if (!isNamed && !isHead && !isPosition) return undefined;
  return {
    kind: 'stream',
    stream: {
      id,
      name: isNamed ? { incarnation: incarnation as string, lane } : undefined,
      head: isHead
        ? {
            accepted: accepted as bigint,
            unkeyed: unkeyed as bigint,
            duplicates: duplicates as bigint,
          }
        : undefined,
      acknowledged: isPosition ? positionFromText(position as string) : undefined,
    },
  };
}

function settlementRow(place: Place, values: readonly SqliteValue[]): ReadableRow | undefined {
  const [, last, name, reason, atMicros, checksum] = values;
  const kind = SETTLEMENTS.find((known) => known === name);
  if (!kind || !isSum(checksum, place.rowId, last, name, reason, atMicros)) return undefined;
  const settlement = {
    kind,
    range: place.range,
    reason: reason as string,
    atMicros: atMicros as bigint,
  };
  return { kind: 'settlement', stream: place.stream, settlement };
}

function groupRow(place: Place, values: readonly SqliteValue[]): ReadableRow | undefined {
  const [, last, checksum, traceparent, body] = values;
  if (typeof traceparent !== 'string' || !(body instanceof Uint8Array)) return undefined;
  if (!isSum(checksum, place.rowId, last, body)) return undefined;
  const { stream, range } = place;
  return { kind: 'group', stream, range, values: [place.rowId, ...values.slice(1)] };
}

function blockRow(stream: number, values: readonly SqliteValue[]): ReadableRow | undefined {
  const bytes = values[3];
  const block = bytes instanceof Uint8Array ? decoded(bytes) : undefined;
  const lane = block && laneFromWire(block.lane);
  if (!block || !lane || block.count < 1 || !isIntact(block)) return undefined;
  const range = rangeOf(block.firstSequence, block.count);
  return isRange(range) ? { kind: 'block', stream, lane, range, block } : undefined;
}

function decoded(bytes: Uint8Array): Block | undefined {
  try {
    return Block.decode(bytes);
  } catch {
    // Whatever the decoder says of bytes that are no message: they are damaged.
    return undefined;
  }
}

type Column = string | bigint | number | Uint8Array;

function isSum(sum: SqliteValue | undefined, ...columns: readonly (SqliteValue | undefined)[]) {
  if (columns.some((column) => column === null || column === undefined)) return false;
  return sum === BigInt(rowChecksum(...(columns as Column[])));
}
