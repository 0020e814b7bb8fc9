import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';

/** A gateway comes again within this time, and what failed fails again or does not. */
export const TROUBLE_TOLD_MS = 60_000;
const SERVER_FAULT_STATUS_MIN = 500;

/** What last kept gateways from being served, for `/readyz`: until one is served again. */
export class RecentTrouble {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #what: string | undefined;
  #untilMs = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** What is a gateway's own fault does not count. */
  failed(error: unknown): void {
    if (error instanceof AppError && error.status < SERVER_FAULT_STATUS_MIN) return;
    this.#what = messageOf(error);
    this.#untilMs = this.#clock.monotonicMs() + TROUBLE_TOLD_MS;
  }

  worked(): void {
    this.#what = undefined;
  }

  get text(): string | undefined {
    if (this.#what === undefined || this.#clock.monotonicMs() >= this.#untilMs) return undefined;
    return `cannot serve gateways: ${this.#what}`;
  }
}
