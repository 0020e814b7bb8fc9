import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Metrics } from '@holdfast/shared/runtime/metrics.ts';
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  retry,
  wrap,
} from 'cockatiel';
import { CALLS_MAX } from './peer.ts';

/** Beyond CALLS_MAX at once; who comes later gets UNAVAILABLE. */
export const CALLS_QUEUED_MAX = 1_024;
/** Failures in a row after which a peer is not asked for BREAK_MS; then one call tries it. */
export const FAILURES_MAX = 10;
export const BREAK_MS = 1_000;
/** The deadline ends the attempts, this only bounds them when it is far. */
const RETRIES_MAX = 20;
const RETRY_DELAY_MS = 50;
const RETRY_DELAY_MS_MAX = 1_000;

/** As the gauge shows it. */
const BREAKER_STATES = {
  [CircuitState.Closed]: 0,
  [CircuitState.HalfOpen]: 1,
  [CircuitState.Open]: 2,
  [CircuitState.Isolated]: 2,
} as const;

/** What keeps a peer's failures from becoming ours, once per peer and process. */
export interface PeerLine {
  readonly peer: string;
  /** Runs attempts until one succeeds, fails for good, or the signal is aborted. */
  run<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T>;
  began(): void;
  /** `code` is OK or an error code. */
  ended(method: string, code: string): void;
}

export interface PeerLineOptions {
  readonly peer: string;
  readonly metrics: Metrics;
  readonly callsMax?: number;
  readonly queuedMax?: number;
}

export function openPeerLine(options: PeerLineOptions): PeerLine {
  const { peer, callsMax = CALLS_MAX, queuedMax = CALLS_QUEUED_MAX } = options;
  const meters = metersOf(options);
  const breaker = circuitBreaker(handleWhen(isPeerAway), {
    halfOpenAfter: BREAK_MS,
    breaker: new ConsecutiveBreaker(FAILURES_MAX),
  });
  meters.breaker(CircuitState.Closed);
  breaker.onStateChange(meters.breaker);
  const retrying = retry(handleWhen(isWorthAnotherTry), {
    maxAttempts: RETRIES_MAX,
    backoff: new ExponentialBackoff({ initialDelay: RETRY_DELAY_MS, maxDelay: RETRY_DELAY_MS_MAX }),
  });
  const policy = wrap(retrying, breaker, bulkhead(callsMax, queuedMax));
  return {
    peer,
    async run(attempt, signal) {
      try {
        return await policy.execute(attempt, signal);
      } catch (cause) {
        throw refusalOf(peer, cause);
      }
    },
    began: meters.began,
    ended: meters.ended,
  };
}

function metersOf({ peer, metrics }: PeerLineOptions) {
  const calls = metrics.counter('holdfast_peer_calls_total', 'Calls to peers by outcome.', [
    'peer',
    'method',
    'code',
  ]);
  const state = metrics.gauge(
    'holdfast_peer_breaker_state',
    'Whether a peer is asked: 0 yes (closed), 1 on trial (half open), 2 no (open).',
    ['peer'],
  );
  const running = metrics.gauge(
    'holdfast_peer_calls_in_flight',
    'Calls to a peer that are not answered yet, the waiting ones included.',
    ['peer'],
  );
  const labels = { peer };
  let inFlight = 0;
  running.set(0, labels);
  return {
    breaker: (at: CircuitState) => state.set(BREAKER_STATES[at], labels),
    began: () => running.set(++inFlight, labels),
    ended(method: string, code: string) {
      running.set(--inFlight, labels);
      calls.add(1, { peer, method, code });
    },
  };
}

function isPeerAway(error: unknown): boolean {
  const code = error instanceof AppError ? error.code : undefined;
  return code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED';
}

/** Who says when to come back is not asked before. */
function isWorthAnotherTry(error: unknown): boolean {
  return (
    error instanceof AppError && error.code === 'UNAVAILABLE' && error.retryAfterMs === undefined
  );
}

function refusalOf(peer: string, cause: unknown): unknown {
  if (cause instanceof BrokenCircuitError) {
    const message = `${peer} kept failing and is not asked for a moment`;
    return new AppError('UNAVAILABLE', message, { cause, retryAfterMs: BREAK_MS });
  }
  if (cause instanceof BulkheadRejectedError) {
    return new AppError('UNAVAILABLE', `too many calls to ${peer} wait already`, { cause });
  }
  return cause;
}
