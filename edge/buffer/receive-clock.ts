import type { BodyEpoch, ReceiveTime } from '@holdfast/shared/lib/block-body.ts';
import { uuidV7 } from '@holdfast/shared/lib/ids.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';

/**
 * Half of what a record's elapsed time can say, so that no stretch runs over while a turn is open.
 */
const STRETCH_MS_MAX = 2 ** 31 / 1000;
/** The wall clock moved against the monotonic one by more than this: a new epoch says so. */
const DRIFT_MICROS_MAX = 10_000n;

/**
 * Says when a message was received: by the monotonic clock of this boot, and by what the wall clock
 * said at the time. Order never depends on it.
 */
export class ReceiveClock {
  readonly #clock: Clock;
  readonly #bootId: string;
  readonly #confirmed: () => boolean;
  #epoch: BodyEpoch;
  #baseMs: number;

  constructor(options: { clock: Clock; random: Random; confirmed: () => boolean }) {
    this.#clock = options.clock;
    this.#confirmed = options.confirmed;
    this.#bootId = uuidV7(options.clock.now(), options.random.bytes(10));
    this.#baseMs = this.#clock.monotonicMs();
    this.#epoch = this.#sample();
  }

  /** Once a turn: begins a new epoch when the present one no longer tells the truth. */
  refresh(): void {
    const now = this.#sample();
    const drift = now.offsetMicros - this.#epoch.offsetMicros;
    const steady = drift <= DRIFT_MICROS_MAX && -drift <= DRIFT_MICROS_MAX;
    const old = this.#clock.monotonicMs() - this.#baseMs > STRETCH_MS_MAX;
    if (steady && !old && now.confirmed === this.#epoch.confirmed) return;
    this.#baseMs = this.#clock.monotonicMs();
    this.#epoch = this.#sample();
  }

  stamp(): ReceiveTime {
    const elapsedMs = this.#clock.monotonicMs() - this.#baseMs;
    return { epoch: this.#epoch, elapsedMicros: Math.max(0, Math.round(elapsedMs * 1000)) };
  }

  #sample(): BodyEpoch {
    const before = this.#clock.monotonicMicros();
    const wall = this.#clock.nowMicros();
    const after = this.#clock.monotonicMicros();
    return {
      bootId: this.#bootId,
      baseMonotonicMicros: before,
      offsetMicros: wall - (before + after) / 2n,
      confirmed: this.#confirmed(),
    };
  }
}
