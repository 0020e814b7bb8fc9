import {
  type Block,
  BlockForm,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import * as blocks from '@holdfast/shared/domain/block-event.ts';
import { decodeCondensed } from '@holdfast/shared/domain/condensed-body.ts';
import { boundedName } from '@holdfast/shared/domain/names.ts';
import { decodeBody, decompressBody } from '@holdfast/shared/lib/block-body.ts';
import { readingsOf } from './block-readings.ts';
import { condensedReadings } from './condensed-readings.ts';
import type { ReceivedBlock } from './received-block.ts';

export type OpenedBlock =
  | { readonly kind: 'block'; readonly block: ReceivedBlock }
  | Exclude<blocks.OpenedBlock<unknown>, { readonly kind: 'block' }>;

/** Reads an event of `telemetry.batches` into readings, unless `held` covers it. */
export function openBlockEvent(
  headers: Readonly<Record<string, string>>,
  origin: blocks.Origin,
  held: blocks.Held = new Map(),
): OpenedBlock {
  const opened = blocks.openBlockEvent(headers, origin, { held, read: readBody });
  if (opened.kind !== 'block') return opened;
  const { content, site, ...rest } = opened.block;
  return { kind: 'block', block: { ...rest, site: boundedName(site), series: content } };
}

function readBody(block: Block, { key }: blocks.BlockSource): ReceivedBlock['series'] {
  if (block.form === BlockForm.BLOCK_FORM_CONDENSED) return readCondensed(block);
  if (block.form !== BlockForm.BLOCK_FORM_RAW)
    throw new blocks.Unreadable(`form ${block.form} is unknown`);
  const body = decodeBody(decompressBody(block.codec, block.body));
  if (body.count !== block.count) {
    throw new blocks.Unreadable(`it holds ${body.count} records and claims ${block.count}`);
  }
  return readingsOf(body, { lane: key.lane, firstSequence: Number(block.firstSequence) });
}

function readCondensed(block: Block): ReceivedBlock['series'] {
  return condensedReadings(decodeCondensed(decompressBody(block.codec, block.body), block));
}
