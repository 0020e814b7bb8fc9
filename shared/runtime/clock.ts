/**
 * Time as a port: nothing else in the product reads a clock or sets a timer, so that a simulated
 * world can run the code.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump; never orders anything. */
  now(): number;
  /** Wall clock, integer microseconds since 1970. */
  nowMicros(): bigint;
  /** Milliseconds since an arbitrary point; never goes back. */
  monotonicMs(): number;
  /** Microseconds since an arbitrary point of this boot; never goes back. */
  monotonicMicros(): bigint;
  /** Calls back once after `ms`. A timer does not keep the process alive unless `keepAlive`. */
  after(ms: number, callback: () => void, options?: { keepAlive?: boolean }): Timer;
  /** Resolves after `ms`, or rejects with the signal's reason. Keeps the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * How far the wall clocks of two machines may differ. What is due later than it can be by more than
 * this was written under a clock that has been set back since.
 */
export const CLOCK_SKEW_MS_MAX = 600_000;

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  nowMicros: () => BigInt(Date.now()) * 1000n,
  monotonicMs: () => performance.now(),
  monotonicMicros: () => process.hrtime.bigint() / 1000n,
  after(ms, callback, options = {}) {
    const timer = setTimeout(callback, ms);
    if (!options.keepAlive) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};

export interface Deadline {
  readonly clock: Clock;
  readonly ms: number;
  /** What the caller is told. */
  readonly late: () => Error;
}

/**
 * Rejects with `late()` unless `work` settles within `ms`. The work itself goes on: cancel it by a
 * signal of its own.
 */
export async function withDeadline<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  let timer: Timer | undefined;
  const passed = new Promise<never>((_, reject) => {
    timer = deadline.clock.after(deadline.ms, () => reject(deadline.late()), { keepAlive: true });
  });
  try {
    return await Promise.race([work, passed]);
  } finally {
    timer?.cancel();
  }
}
