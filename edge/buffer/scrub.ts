import type { Clock, Timer } from '@holdfast/shared/runtime/clock.ts';
import type { BufferReader } from './inspection/buffer-reader.ts';
import { type Step, walk } from './inspection/walk.ts';

/** A slice is a few rows; so much time passes before the next one. */
const ROWS_PER_SLICE = 32;
const PAUSE_MS = 20;

export interface ScrubOptions {
  readonly open: () => BufferReader;
  readonly clock: Clock;
  /** The file does not hold what it should, and does not say so by itself. */
  readonly onHole: (what: string) => void;
  readonly onError: (cause: unknown) => void;
}

/**
 * Goes once through what the buffer holds, after its start and beside its work: a damaged inner
 * page of the b-tree can hide rows from who looks for them, and their lane would wait for ever.
 * What a body says is judged where it is used.
 */
export function startScrub({ open, clock, onHole, onError }: ScrubOptions): { stop(): void } {
  let timer: Timer | undefined;
  let reader: BufferReader | undefined;
  let steps: Generator<Step, void> | undefined;
  const stop = (): void => {
    timer?.cancel();
    reader?.close();
    reader = undefined;
  };
  const slice = (): void => {
    try {
      reader ??= open();
      steps ??= stepsOf(reader);
      for (let row = 0; row < ROWS_PER_SLICE; row++) {
        const step = steps.next();
        if (step.done) {
          stop();
          return;
        }
        const hole = holeOf(step.value);
        if (hole === undefined) continue;
        stop();
        onHole(hole);
        return;
      }
      timer = clock.after(PAUSE_MS, slice);
    } catch (cause) {
      stop();
      onError(cause);
    }
  };
  timer = clock.after(PAUSE_MS, slice);
  return { stop };
}

/** A row that is walked over and cannot be read is one, too: who looks for it will not find it. */
function holeOf(step: Step): string | undefined {
  const { kind } = step;
  if (kind === 'row' && step.row.bytes) return undefined;
  const { first, last } = kind === 'row' ? step.row.range : step.range;
  return `${kind === 'row' ? 'unreadable' : kind}: ${first}-${last}`;
}

function* stepsOf(reader: BufferReader): Generator<Step, void> {
  for (const stream of reader.streams())
    yield* walk(reader, stream, { first: 1n, last: stream.accepted });
}
