import { sizeOf } from '@holdfast/shared/domain/ranges.ts';
import type { LanePosition } from '../buffer/buffer.ts';

/**
 * How much of stock is settled without delivery. The cloud takes no gap in stock that no Hello told
 * of: when this grew since the last one, the lane would stand still until the next.
 */
export function settledStock(positions: readonly LanePosition[]): bigint {
  return positions
    .filter(({ lane }) => lane === 'stock')
    .reduce((sum, { settled }) => sum + sizeOf(settled), 0n);
}
