import {
  type Block,
  BlockForm,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import { decodeCondensed, encodeCondensed } from '@holdfast/shared/domain/condensed-body.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import {
  BODY_BYTES_MAX,
  compressBody,
  decodeBody,
  decompressBody,
} from '@holdfast/shared/lib/block-body.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';
import { releaseBytes } from '@holdfast/shared/lib/release-bytes.ts';
import { isAsCut, readOrDamaged } from '../block-at-hand.ts';
import type { BufferStore, StreamKey } from '../buffer-store.ts';
import { isAlone, rowConflict } from '../row-conflict.ts';
import { isIntact } from '../sealing.ts';
import { Condensing } from './condensing.ts';

export type CondenseEnd =
  | { readonly kind: 'condensed'; readonly range: SequenceRange }
  /** It would not get smaller, or be too large for one block; nothing has changed. */
  | { readonly kind: 'no-gain' }
  /** A block's bytes are not what was written: it must not travel (I2). */
  | { readonly kind: 'damaged'; readonly range: SequenceRange };

/** What of raw blocks has to go; with less they are better left as they are. */
const GAIN_MIN = 0.1;
export const CONDENSED_REASON = 'disk budget';

/**
 * Makes one condensed block of blocks that follow each other, raw or condensed, in one transaction.
 * Its step is as long as its blocks: one raw block is some milliseconds.
 */
export function condenseBlocks(
  store: BufferStore,
  stream: StreamKey,
  blocks: readonly SequenceRange[],
): CondenseEnd {
  const condensing = new Condensing();
  const bytes = { raw: 0, condensed: 0 };
  for (const range of blocks) {
    const block = intactBlock(store, stream, range);
    if (block === 'damaged') return { kind: 'damaged', range };
    addBlock(condensing, block);
    const form = block.form === BlockForm.BLOCK_FORM_CONDENSED ? 'condensed' : 'raw';
    bytes[form] += block.body.byteLength;
    releaseBytes(block.body);
  }
  if (condensing.bytesMax > BODY_BYTES_MAX) return { kind: 'no-gain' };
  const range = { first: blocks[0]!.first, last: blocks.at(-1)!.last };
  const body = encodeCondensed(condensing.result(), range.first);
  const condensed = condensedBlock(stream, range, body);
  const bytesMax = bytes.condensed + bytes.raw * (1 - GAIN_MIN);
  if (condensed.body.byteLength > bytesMax) return { kind: 'no-gain' };
  store.condense(stream.id, condensed, { kind: 'condensed', range, reason: CONDENSED_REASON });
  releaseBytes(condensed.body);
  return { kind: 'condensed', range };
}

/** Throws STORE_DAMAGED when row and block contradict each other: neither is to be believed. */
function intactBlock(
  store: BufferStore,
  stream: StreamKey,
  range: SequenceRange,
): Block | 'damaged' {
  const block = readOrDamaged(store, stream.id, range.first);
  const isRead = block !== undefined && block !== 'damaged' && isIntact(block);
  if (isRead && isAsCut(block, { ...stream, range })) return block;
  const isOwn = block !== undefined && !isRead && isAlone(store, stream.id, range);
  if (isOwn) return 'damaged';
  throw rowConflict(range);
}

function addBlock(condensing: Condensing, block: Block): void {
  const bytes = decompressBody(block.codec, block.body);
  if (block.form === BlockForm.BLOCK_FORM_CONDENSED) {
    condensing.addCondensed(decodeCondensed(bytes, block));
  } else {
    const body = decodeBody(bytes);
    const { firstSequence } = block;
    condensing.add(body, { firstSequence, from: 0, to: body.count });
  }
  // What it keeps of them it has copied.
  if (bytes !== block.body) releaseBytes(bytes);
}

function condensedBlock(stream: StreamKey, range: SequenceRange, body: Buffer): Block {
  const { codec, bytes } = compressBody(body);
  if (bytes !== body) releaseBytes(body);
  const block = {
    incarnation: stream.incarnation,
    lane: laneToWire(stream.lane),
    firstSequence: range.first,
    count: Number(range.last - range.first + 1n),
    form: BlockForm.BLOCK_FORM_CONDENSED,
    codec,
    body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    traceparent: '',
  };
  return { ...block, checksum: blockChecksum(block) };
}
