import {
  Block,
  BlockForm,
  Codec,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import { decodeCondensed } from '@holdfast/shared/domain/condensed-body.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { type DecodedBody, decodeBody, decompressBody } from '@holdfast/shared/lib/block-body.ts';
import type { StreamRow } from '../buffer-store.ts';
import { rowChecksum } from '../row-checksum.ts';
import { rowId } from '../row-id.ts';
import { isIntact } from '../sealing.ts';
import type { StoredRow } from './buffer-reader.ts';

export type OpenedRow = IntactRow | { readonly kind: 'damaged'; readonly reason: string };

export type IntactRow = Intact &
  (
    | { readonly form: 'messages'; readonly body: DecodedBody }
    /** Minutes that stand for the messages: the disk budget was used up. */
    | { readonly form: 'summaries' }
  );

interface Intact {
  readonly kind: 'intact';
  readonly codec: 'none' | 'zstd';
  /** In hexadecimal digits, with the name of its method. */
  readonly checksum: string;
}

/** A row that is what was written: checksum, place, decodable, as many records as it says. */
export function openRow(stream: StreamRow, row: StoredRow): OpenedRow {
  if (!row.bytes) return damaged('the file does not give it back');
  try {
    return row.kind === 'group'
      ? openGroup(stream, row, row.bytes)
      : openBlock(stream, row, row.bytes);
  } catch (cause) {
    if (cause instanceof AppError) return damaged(cause.message);
    throw cause;
  }
}

function openGroup(stream: StreamRow, row: StoredRow, bytes: Uint8Array): OpenedRow {
  const { first, last } = row.range;
  const sum = rowChecksum(rowId(stream.id, first), last, bytes);
  if (sum !== row.checksum) return damaged('its checksum is wrong');
  const checksum = `crc32:${sum.toString(16).padStart(8, '0')}`;
  return counted(row, { codec: 'none', checksum, body: decodeBody(bytes) });
}

function openBlock(stream: StreamRow, row: StoredRow, bytes: Uint8Array): OpenedRow {
  const block = decoded(bytes);
  if (!block) return damaged('it is no block');
  if (!isIntact(block)) return damaged('its checksum is wrong');
  const { first, last } = row.range;
  const isHere = block.incarnation === stream.incarnation && block.lane === laneToWire(stream.lane);
  const covers = block.firstSequence === first && BigInt(block.count) === last - first + 1n;
  if (!isHere || !covers) return damaged('it is the block of another place');
  const intact = {
    codec: block.codec === Codec.CODEC_ZSTD ? 'zstd' : 'none',
    checksum: `sha256/128:${block.checksum.toString('hex')}`,
  } as const;
  const body = decompressBody(block.codec, block.body);
  if (block.form !== BlockForm.BLOCK_FORM_CONDENSED)
    return counted(row, { ...intact, body: decodeBody(body) });
  decodeCondensed(body, block);
  return { kind: 'intact', form: 'summaries', ...intact };
}

function decoded(bytes: Uint8Array): Block | undefined {
  try {
    return Block.decode(bytes);
  } catch {
    // Whatever the decoder says of bytes that are no message: they are damaged.
    return undefined;
  }
}

function counted(
  { range }: StoredRow,
  opened: Omit<Intact, 'kind'> & { readonly body: DecodedBody },
): OpenedRow {
  const { count } = opened.body;
  if (BigInt(count) !== range.last - range.first + 1n) return damaged(`it holds ${count} records`);
  return { kind: 'intact', form: 'messages', ...opened };
}

function damaged(reason: string): OpenedRow {
  return { kind: 'damaged', reason };
}
