import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';

const SHOW_INTERVAL_MS = 500;
const QOS_COUNT = 3;

/**
 * Counts messages by lane and QoS; shown twice a second, because labels cost more than the count.
 */
export class MessageCounts {
  readonly #clock;
  readonly #counter;
  readonly #counts = new Map<Lane, number[]>(
    LANES.map((lane) => [lane, new Array<number>(QOS_COUNT).fill(0)]),
  );
  #timer: Timer | undefined;

  constructor({ clock, metrics }: Runtime) {
    this.#clock = clock;
    this.#counter = metrics.counter(
      'holdfast_broker_messages_total',
      'Messages that were stored or recognised as repeats, and acknowledged.',
      ['lane', 'qos'],
    );
  }

  add(lane: Lane, qos: 0 | 1 | 2): void {
    this.#counts.get(lane)![qos]! += 1;
    this.#timer ??= this.#clock.after(SHOW_INTERVAL_MS, () => this.show());
  }

  show(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const [lane, counts] of this.#counts)
      for (const [qos, count] of counts.entries()) {
        if (count > 0) this.#counter.add(count, { lane, qos: String(qos) });
        counts[qos] = 0;
      }
  }
}
