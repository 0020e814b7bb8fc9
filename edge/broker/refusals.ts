import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { GuardRefusal } from './frame-guard.ts';

/**
 * Why a connection was closed, or something was not done, as holdfast_broker_refused_total counts
 * it.
 */
export type RefusalReason =
  | GuardRefusal
  | 'connections'
  | 'connections-per-address'
  | 'protocol-version'
  | 'protocol'
  | 'credentials'
  | 'anonymous'
  | 'busy'
  | 'will-denied'
  | 'publish-denied'
  | 'topic'
  | 'subscribe-denied'
  | 'full'
  | 'unavailable'
  | 'held-too-long'
  | 'keep-alive';

/** One line a second for each reason: a flood must not fill the disk with its own log. */
const LOG_INTERVAL_MS = 1_000;

/** Given to Aedes to close a connection; it was counted already. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

export interface Refusals {
  /** Counts and logs it, and gives the error that closes the connection. */
  refuse(reason: RefusalReason, details: Record<string, unknown>): RefusedError;
}

export function createRefusals({ metrics, log, clock }: Runtime): Refusals {
  const counter = metrics.counter(
    'holdfast_broker_refused_total',
    'What the broker refused, by reason.',
    ['reason'],
  );
  const logged = new Map<RefusalReason, { atMs: number; unlogged: number }>();
  return {
    refuse(reason, details) {
      counter.add(1, { reason });
      const nowMs = clock.monotonicMs();
      const last = logged.get(reason);
      if (last && nowMs - last.atMs < LOG_INTERVAL_MS) last.unlogged += 1;
      else {
        log.warn({ reason, ...details, unlogged: last?.unlogged ?? 0 }, 'refused');
        logged.set(reason, { atMs: nowMs, unlogged: 0 });
      }
      return new RefusedError(`refused: ${reason}`);
    },
  };
}
