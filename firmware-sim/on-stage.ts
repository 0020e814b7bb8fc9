import { systemClock, type Timer } from '@holdfast/shared/runtime/clock.ts';
import { type Random, seededRandom, systemRandom } from '@holdfast/shared/runtime/random.ts';
import { describeSummary, newTally, type Summary, summaryOf, type Tally } from './link/tally.ts';
import type { Stage } from './stage.ts';

const PROGRESS_EVERY_MS = 2_000;
const INTERRUPTED = 130;

/** A line for the person at the terminal; standard output stays free. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Gives a run the world, shows its progress, and ends it in good order when a signal comes. */
export async function onStage<T extends Summary>(
  seed: number | undefined,
  run: (stage: Stage & { tally: Tally }) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const onSignal = (): void => {
    if (ending.signal.aborted) process.exit(INTERRUPTED);
    say('ending: waiting for acknowledgements; once more to leave at once');
    ending.abort(new Error('a signal'));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  const tally = newTally();
  const progress = showProgress(tally);
  const random: Random = seed === undefined ? systemRandom : seededRandom(seed);
  try {
    const summary = await run({ clock: systemClock, random, signal: ending.signal, tally });
    say(describeSummary(summary));
    return summary;
  } finally {
    progress.cancel();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}

function showProgress(tally: Tally): Timer {
  let timer: Timer;
  const next = (shown: number): void => {
    timer = systemClock.after(PROGRESS_EVERY_MS, () => {
      if (tally.published !== shown) say(describeSummary(summaryOf(tally)));
      next(tally.published);
    });
  };
  next(0);
  return { cancel: () => timer.cancel() };
}
