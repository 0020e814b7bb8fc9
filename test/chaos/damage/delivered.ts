import type { LogEvent } from '@holdfast/cloud/platform/event-log/event-log.ts';
import { openBlockEvent } from '@holdfast/cloud/telemetry/domain/block-event.ts';
import { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneFromWire } from '@holdfast/shared/contracts/lanes.ts';
import { type PlacedBlock, planBlocks } from '@holdfast/shared/domain/block-plan.ts';
import { rangeOf } from '@holdfast/shared/domain/ranges.ts';
import { decodeBody, decompressBody } from '@holdfast/shared/lib/block-body.ts';
import type { DamagePlant } from './plants.ts';

export interface DeliveredMessage {
  readonly incarnation: string;
  readonly lane: string;
  readonly sequence: bigint;
  readonly payload: string;
}

interface LoggedBlock extends PlacedBlock {
  readonly block: Block;
}

/** What takes effect of a gateway's events: opened, checked and judged by telemetry's own rules. */
export function deliveredOf(
  events: readonly LogEvent[],
  plant: DamagePlant | undefined,
): DeliveredMessage[] {
  const blocks = events.flatMap((event): LoggedBlock[] => {
    const origin = { topic: 'telemetry.batches', partition: 0, offset: 0n, body: event.value };
    const opened = openBlockEvent(event.headers, origin);
    if (opened.kind !== 'block') return [];
    const { stream, range } = opened.block;
    const block = Block.decode(event.value);
    const known = plant === 'deduplication-without-incarnation' ? `${block.lane}` : stream;
    return [{ stream: known, range, block }];
  });
  return planBlocks(blocks, new Map()).applied.flatMap(({ block }) => messagesOf(block));
}

function messagesOf(block: Block): DeliveredMessage[] {
  const body = decodeBody(decompressBody(block.codec, block.body));
  const { first } = rangeOf(block.firstSequence, block.count);
  return Array.from({ length: body.count }, (_, at) => ({
    incarnation: block.incarnation,
    lane: laneFromWire(block.lane)!,
    sequence: first + BigInt(at),
    payload: Buffer.from(body.record(at).payload).toString(),
  }));
}
