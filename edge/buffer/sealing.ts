import {
  type Block,
  BlockForm,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { compressBody, type DecodedBody, decodeBody } from '@holdfast/shared/lib/block-body.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';
import { BodyBuilder } from '@holdfast/shared/lib/body-builder.ts';
import { releaseBytes } from '@holdfast/shared/lib/release-bytes.ts';
import { BLOCK_BYTES_MAX, BLOCK_RECORDS_MAX, type BlockHead } from './buffer.ts';
import type { BufferStore, HeldRow, StreamKey, UnsealedRow } from './buffer-store.ts';
import { isAlone, rowConflict } from './row-conflict.ts';

export type Cut =
  | { readonly kind: 'block'; readonly head: BlockHead }
  /** A group whose bytes are not what was written: it must not travel (I2). */
  | { readonly kind: 'damaged'; readonly range: SequenceRange }
  | { readonly kind: 'nothing' };

/**
 * In a merged body an index takes more bytes than in the group's own, by at most this for each
 * record.
 */
const MERGED_BYTES_MAX = 6;

export interface CutLimits {
  /** Nothing above it is cut. */
  readonly upTo: bigint;
  /** Of the body before it is compressed; a group that is larger is a block of its own. */
  readonly bytesMax: number;
}

/**
 * Cuts the lane's oldest unsealed groups into one block, for ever. Throws STORE_DAMAGED when a
 * damaged one reaches over others.
 */
export function cutBlock(store: BufferStore, stream: StreamKey, limits: CutLimits): Cut {
  const rows = fitting(store.unsealed(stream.id, limits.upTo, BLOCK_RECORDS_MAX), limits.bytesMax);
  if (rows.length === 0) return { kind: 'nothing' };
  const range = { first: rows[0]!.range.first, last: rows.at(-1)!.range.last };
  const groups = store.groups(stream.id, range);
  const damaged = groups.find((group) => !group.intact);
  if (damaged && !isAlone(store, stream.id, damaged.range)) throw rowConflict(damaged.range);
  if (damaged) return { kind: 'damaged', range: damaged.range };
  const block = sealedBlock(stream, range, groups);
  store.seal(stream.id, block);
  const { incarnation, lane } = stream;
  const bytes = block.body.byteLength;
  for (const { body } of [...groups, block]) releaseBytes(body);
  return { kind: 'block', head: { incarnation, lane, range, bytes } };
}

export function isIntact(block: Block): boolean {
  return blockChecksum(block).equals(block.checksum);
}

/**
 * The longest start of the rows without a gap that one block can hold; a single row always fits.
 */
function fitting(rows: readonly HeldRow[], bytesMax: number): readonly HeldRow[] {
  let bytes = 0;
  let records = 0;
  const end = rows.findIndex((row, at) => {
    const count = Number(row.range.last - row.range.first + 1n);
    bytes += row.bytes + count * MERGED_BYTES_MAX;
    records += count;
    if (at === 0) return false;
    const gap = row.range.first !== rows[at - 1]!.range.last + 1n;
    return gap || bytes > bytesMax || records > BLOCK_RECORDS_MAX;
  });
  return end < 0 ? rows : rows.slice(0, end);
}

function sealedBlock(
  stream: StreamKey,
  range: SequenceRange,
  groups: readonly UnsealedRow[],
): Block {
  const merged = mergedBody(groups);
  const { codec, bytes } = compressBody(merged);
  if (bytes !== merged) releaseBytes(merged);
  const block = {
    incarnation: stream.incarnation,
    lane: laneToWire(stream.lane),
    firstSequence: range.first,
    count: Number(range.last - range.first + 1n),
    form: BlockForm.BLOCK_FORM_RAW,
    codec,
    body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    traceparent: groups.find((group) => group.traceparent !== '')?.traceparent ?? '',
  };
  return { ...block, checksum: blockChecksum(block) };
}

function mergedBody(groups: readonly UnsealedRow[]): Uint8Array {
  if (groups.length === 1) return groups[0]!.body;
  const builder = new BodyBuilder();
  for (const group of groups) builder.addAll(checkedGroup(group));
  const body = builder.encode();
  builder.clear();
  assert(body.byteLength <= BLOCK_BYTES_MAX, 'a merged body fits a block');
  return body;
}

function checkedGroup(group: UnsealedRow): DecodedBody {
  const body = decodeBody(group.body);
  const { first, last } = group.range;
  if (BigInt(body.count) === last - first + 1n) return body;
  throw new AppError('STORE_DAMAGED', `group ${first}-${last} holds ${body.count} records`);
}
