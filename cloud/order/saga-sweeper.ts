import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { CLOCK_SKEW_MS_MAX, type Clock } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { SagaRunner } from './saga-runner.ts';
import { claimDue, hasten } from './store/leases.ts';
import type { OrderTables } from './store/tables.ts';

/** How late a retry or a lapsed lease may be noticed; new orders do not wait for it. */
export const SWEEP_MS = 250;
/** Of one sweep; what is beyond is taken by the next, at once. */
export const SWEPT_MAX = 100;
const PAUSE_MS_MAX = 5_000;
/** Less is the clock being drawn to the right time. */
const SET_BACK_MICROS_MIN = 1_000_000n;

export interface SweeperOptions {
  readonly sql: Sql<OrderTables>;
  readonly runtime: Runtime;
  readonly runner: SagaRunner;
  readonly sweepMs?: number;
}

export interface SagaSweeper {
  start(): void;
  stop(): Promise<void>;
  /** Why the last sweep failed; undefined when it did not. */
  failure(): string | undefined;
}

/**
 * Takes up what nobody works on: what a dead process left when its lease ran out, calls that are to
 * be repeated, and orders whose time is over. One query for all orders; no order has a timer.
 */
export function createSagaSweeper(options: SweeperOptions): SagaSweeper {
  const { runtime, sweepMs = SWEEP_MS } = options;
  const setBack = new SetBackWatch(runtime.clock);
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let failure: string | undefined;
  const loop = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; ) {
      let pauseMs = sweepMs;
      try {
        if (setBack.isSeen()) await hastenLate(options, setBack);
        const taken = await sweep(options);
        failures = 0;
        failure = undefined;
        if (taken === SWEPT_MAX) pauseMs = 0;
      } catch (err) {
        if (!(err instanceof AppError)) throw err;
        failure = `cannot take up orders: ${err.message}`;
        runtime.log.warn({ err }, 'cannot take up orders');
        failures += 1;
        pauseMs = Math.min(PAUSE_MS_MAX, sweepMs * 2 ** Math.min(failures, 10));
      }
      // Rejects when it is told to stop, which the condition sees.
      await runtime.clock.sleep(pauseMs, stopping.signal).catch(() => undefined);
    }
  };
  return {
    start() {
      running = loop();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    failure: () => failure,
  };
}

/** Sees that the wall clock was set back, by the clock that never is. */
class SetBackWatch {
  readonly #clock: Clock;
  #offset: bigint;
  #isSeen = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = this.#offsetNow();
  }

  /** Stays true until it is dealt with. */
  isSeen(): boolean {
    const before = this.#offset;
    this.#offset = this.#offsetNow();
    if (before - this.#offset > SET_BACK_MICROS_MIN) this.#isSeen = true;
    return this.#isSeen;
  }

  dealtWith(): void {
    this.#isSeen = false;
  }

  #offsetNow(): bigint {
    return this.#clock.nowMicros() - this.#clock.monotonicMicros();
  }
}

/** Else what was put down under the earlier clock would wait for as long as that was ahead. */
async function hastenLate(
  { sql, runtime, runner }: SweeperOptions,
  setBack: SetBackWatch,
): Promise<void> {
  const latest = runner.leaseUntil() + BigInt(CLOCK_SKEW_MS_MAX) * 1000n;
  const orders = await hasten(sql, { now: runtime.clock.nowMicros(), latest });
  setBack.dealtWith();
  runtime.log.warn({ orders: Number(orders) }, 'the clock was set back; orders are taken up anew');
}

async function sweep({ sql, runtime, runner }: SweeperOptions): Promise<number> {
  const countMax = Math.min(SWEPT_MAX, runner.room());
  if (countMax <= 0) return 0;
  const { clock, steps } = runtime;
  const claiming = { holder: runner.holder, now: clock.nowMicros(), countMax };
  const claimed = await claimDue(sql, { ...claiming, leaseUntil: runner.leaseUntil() });
  if (claimed.length > 0) steps.reach('order.claimed');
  for (const held of claimed) runner.take(held);
  return claimed.length;
}
