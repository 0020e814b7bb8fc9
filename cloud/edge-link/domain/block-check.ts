import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { laneFromWire } from '@holdfast/shared/contracts/lanes.ts';
import { rangeOf } from '@holdfast/shared/domain/ranges.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';
import type { BatchIdentity } from './batch-event.ts';
import { isName, isSequence } from './hello.ts';

export type BlockCheck =
  | { readonly kind: 'intact'; readonly identity: BatchIdentity }
  | { readonly kind: 'checksum' | 'too-large' };

/** Whether a block can be judged at all: its size, its checksum, and fields that mean something. */
export function checkBlock(
  block: Block,
  { gatewayId, bytesMax }: { gatewayId: string; bytesMax: number },
): BlockCheck {
  if (block.body.byteLength > bytesMax) return { kind: 'too-large' };
  const lane = laneFromWire(block.lane);
  const last = block.firstSequence + BigInt(block.count) - 1n;
  const readable = lane && isName(block.incarnation) && block.count >= 1;
  // Fields that mean nothing are damage, too: the gateway reads the block again, then sets it
  // aside.
  if (!readable || !isSequence(block.firstSequence) || !isSequence(last)) {
    return { kind: 'checksum' };
  }
  if (!blockChecksum(block).equals(block.checksum)) return { kind: 'checksum' };
  const range = rangeOf(block.firstSequence, block.count);
  const checksum = block.checksum.toString('hex');
  const identity = { gatewayId, incarnation: block.incarnation, lane, range, checksum };
  return { kind: 'intact', identity };
}
