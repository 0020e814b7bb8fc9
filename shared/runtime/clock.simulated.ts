import type { Clock, Timer } from './clock.ts';

export interface SimulatedClock extends Clock {
  /**
   * Moves time on and runs every timer that falls due, in order; awaits microtasks between them.
   */
  advance(ms: number): Promise<void>;
  /** Lets the wall clock jump; monotonic time does not. */
  jump(ms: number): void;
}

interface Due {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to move. `startMs` is its first wall time. */
export function simulatedClock(startMs = Date.UTC(2026, 0, 1)): SimulatedClock {
  let monotonic = 0;
  let offset = startMs;
  let order = 0;
  const timers = new Set<Due>();
  const after = (ms: number, callback: () => void): Timer => {
    const due = { at: monotonic + Math.max(0, ms), order: order++, callback };
    timers.add(due);
    return { cancel: () => void timers.delete(due) };
  };
  return {
    now: () => offset + monotonic,
    nowMicros: () => BigInt(Math.round((offset + monotonic) * 1000)),
    monotonicMs: () => monotonic,
    monotonicMicros: () => BigInt(Math.round(monotonic * 1000)),
    after,
    sleep: (ms, signal) => sleepOn(after, ms, signal),
    jump: (ms) => {
      offset += ms;
    },
    async advance(ms) {
      const target = monotonic + ms;
      for (;;) {
        const next = earliest(timers, target);
        if (!next) break;
        monotonic = Math.max(monotonic, next.at);
        timers.delete(next);
        next.callback();
        await settle();
      }
      monotonic = target;
      await settle();
    },
  };
}

function earliest(timers: ReadonlySet<Due>, target: number): Due | undefined {
  let found: Due | undefined;
  for (const due of timers) {
    if (due.at > target) continue;
    if (!found || due.at < found.at || (due.at === found.at && due.order < found.order))
      found = due;
  }
  return found;
}

function sleepOn(
  after: (ms: number, callback: () => void) => Timer,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = after(ms, resolve);
    signal?.addEventListener('abort', () => {
      timer.cancel();
      reject(signal.reason);
    });
  });
}

/** Lets promise reactions of a few levels run before time moves on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}
