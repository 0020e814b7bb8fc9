import { AppError } from '../lib/app-error.ts';
import { messageOf } from '../lib/message-of.ts';
import { createObservable, type Observable } from './observable.ts';

export type Connection =
  | { readonly kind: 'asking' }
  | { readonly kind: 'up' }
  | { readonly kind: 'down'; readonly sinceMs: number; readonly why: string };

/** Whether the cloud answers, judged from one poll that every page keeps going. */
export interface ConnectionWatch {
  readonly connection: Observable<Connection>;
  succeeded(): void;
  failed(error: unknown, failureCount: number): void;
}

/**
 * One lost answer is not an outage: this many in a row are, or a single one that was waited for to
 * its deadline.
 */
const OUTAGE_FAILURES_MIN = 2;

export function watchConnection(now: () => number): ConnectionWatch {
  const connection = createObservable<Connection>({ kind: 'asking' });
  let sinceMs = 0;
  const succeeded = (): void => {
    if (connection.get().kind !== 'up') connection.set({ kind: 'up' });
  };
  return {
    connection,
    succeeded,
    failed(error, failureCount) {
      if (failureCount === 1) sinceMs = now();
      if (!isOutage(error)) return succeeded();
      if (!isWorthTelling(error, failureCount)) return;
      const why = messageOf(error);
      const before = connection.get();
      if (before.kind === 'down' && before.why === why) return;
      connection.set({ kind: 'down', sinceMs, why });
    },
  };
}

/** A refusal (4xx) is an answer: the cloud is there. */
export function isOutage(error: unknown): boolean {
  return !(error instanceof AppError) || error.status >= 500;
}

/** What the next attempt may well mend is not shown; a refusal is, at once. */
export function isWorthTelling(error: unknown, failureCount: number): boolean {
  const timedOut = error instanceof AppError && error.code === 'DEADLINE_EXCEEDED';
  return failureCount >= OUTAGE_FAILURES_MIN || timedOut || !isOutage(error);
}
