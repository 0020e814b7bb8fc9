import type { OpenedContent } from '@holdfast/shared/domain/block-event.ts';
import type { SeriesReadings } from './block-readings.ts';

/** A block that was read: its place and its readings. */
export interface ReceivedBlock extends Omit<OpenedContent<unknown>, 'content'> {
  readonly series: readonly SeriesReadings[];
}
