import type { Metrics } from '@holdfast/shared/runtime/metrics.ts';
import {
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
  isBrokenCircuitError,
  wrap,
} from 'cockatiel';
import type { Acquirer, AcquirerOutcome } from './acquirer.ts';

/** Calls to the acquirer at once, and how many more wait for their turn. */
export const CALLS_MAX = 64;
export const WAITING_MAX = 128;
/** So many calls in a row without an answer open the breaker for this long. */
export const SILENT_CALLS_MAX = 10;
export const BREAK_MS = 2_000;

/**
 * Breaker and bulkhead towards the acquirer. A call that they refuse was never sent, so it is
 * `retryable`; nothing here sends a second time.
 */
export function withResilience(
  acquirer: Acquirer,
  { metrics }: { readonly metrics: Metrics },
): Acquirer {
  const meters = createMeters(metrics);
  const breaker = circuitBreaker(
    handleWhenResult((result) => (result as { kind: string }).kind === 'unknown'),
    { halfOpenAfter: BREAK_MS, breaker: new ConsecutiveBreaker(SILENT_CALLS_MAX) },
  );
  const lane = bulkhead(CALLS_MAX, WAITING_MAX);
  const policy = wrap(lane, breaker);
  meters.state(breaker.state);
  breaker.onStateChange((state) => meters.state(state));
  const guarded = async <T extends { readonly kind: string }, U>(
    operation: string,
    run: () => Promise<T>,
    refused: (detail: string) => U,
  ): Promise<T | U> => {
    try {
      const result = await policy.execute(run);
      meters.count(operation, result.kind);
      return result;
    } catch (error) {
      if (!isBrokenCircuitError(error) && !(error instanceof BulkheadRejectedError)) throw error;
      meters.count(operation, 'refused');
      return refused(error.message);
    }
  };
  const unknown = (detail: string) => ({ kind: 'unknown' as const, detail });
  const retryable = (detail: string): AcquirerOutcome => ({ kind: 'retryable', detail });
  return {
    send: (order) => guarded(order.kind, () => acquirer.send(order), retryable),
    ask: (question) => guarded('query', () => acquirer.ask(question), unknown),
    listDay: (day, after) => guarded('list_day', () => acquirer.listDay(day, after), unknown),
    close: () => acquirer.close(),
  };
}

function createMeters(metrics: Metrics) {
  const calls = metrics.counter(
    'holdfast_acquirer_calls_total',
    'Calls to the acquirer by operation and outcome.',
    ['operation', 'outcome'],
  );
  const state = metrics.gauge(
    'holdfast_acquirer_breaker_state',
    'One for the state that the breaker towards the acquirer is in.',
    ['state'],
  );
  const names = { closed: CircuitState.Closed, open: CircuitState.Open, half_open: 2 };
  return {
    count: (operation: string, outcome: string) => calls.add(1, { operation, outcome }),
    state(current: CircuitState) {
      for (const [name, value] of Object.entries(names)) {
        state.set(value === current ? 1 : 0, { state: name });
      }
    },
  };
}
