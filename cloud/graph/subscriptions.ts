import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { SUBSCRIPTION_MS_MAX, SUBSCRIPTIONS_MAX, SUBSCRIPTIONS_PER_PERSON_MAX } from './limits.ts';

export interface Subscriptions {
  /**
   * Answers of `source` until it ends, the client goes, the time is over or the service stops. The
   * next answer is made when the client takes it, so one that reads slowly holds one in hand.
   */
  open<T>(of: NewSubscription<T>): AsyncIterableIterator<T>;
  /** Ends all, and takes no more. */
  stop(): void;
}

export interface NewSubscription<T> {
  readonly principal: Principal;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  readonly source: (signal: AbortSignal) => AsyncIterable<T>;
}

export function createSubscriptions({
  clock,
  metrics,
}: Pick<Runtime, 'clock' | 'metrics'>): Subscriptions {
  const open = new Map<AbortController, string>();
  const gauge = metrics.gauge('holdfast_graphql_subscriptions', 'Subscriptions that are open.');
  let isStopped = false;
  const admit = (person: string): void => {
    if (isStopped) throw new AppError('UNAVAILABLE', 'the service stops');
    const own = [...open.values()].filter((each) => each === person).length;
    if (own < SUBSCRIPTIONS_PER_PERSON_MAX && open.size < SUBSCRIPTIONS_MAX) return;
    const limits = `${SUBSCRIPTIONS_PER_PERSON_MAX} of one person, ${SUBSCRIPTIONS_MAX} in all`;
    throw new AppError('RATE_LIMITED', `too many subscriptions are open: at most ${limits}`);
  };
  return {
    open({ principal, signal, source }) {
      const person = `${principal.tenant}/${principal.subject}`;
      admit(person);
      const ending = new AbortController();
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        ending.abort();
        open.delete(ending);
        gauge.set(open.size);
      };
      const timer = clock.after(SUBSCRIPTION_MS_MAX, end);
      signal.addEventListener('abort', end);
      open.set(ending, person);
      gauge.set(open.size);
      if (signal.aborted) end();
      return untilEnd(source(ending.signal), { signal: ending.signal, end });
    },
    stop() {
      isStopped = true;
      for (const ending of open.keys()) ending.abort();
    },
  };
}

/** A client that goes calls `return` while an answer is awaited: that ends the source at once. */
function untilEnd<T>(
  source: AsyncIterable<T>,
  { signal, end }: { readonly signal: AbortSignal; readonly end: () => void },
): AsyncIterableIterator<T> {
  const answers = source[Symbol.asyncIterator]();
  const done = { done: true, value: undefined } as const;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const answer = signal.aborted ? done : await answers.next();
        if (answer.done) end();
        return answer.done ? done : answer;
      } catch (cause) {
        end();
        throw cause;
      }
    },
    async return() {
      end();
      return done;
    },
  };
}
