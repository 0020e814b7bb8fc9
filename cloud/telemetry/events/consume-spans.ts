import type { Tracing } from '@holdfast/shared/runtime/tracing.ts';
import type { LogEvent } from '../../platform/event-log/event-log.ts';

/** Sampled events of one delivery that get spans of their own; more are rare and only cost. */
const TRACED_MAX = 16;

/**
 * Runs the work of a delivery under a `telemetry.consume` span in the trace of each sampled event,
 * with a `telemetry.store` span below each: one transaction serves several traces, and each shall
 * show it.
 */
export function consumeSpans<T>(
  tracing: Tracing,
  events: readonly LogEvent[],
  work: () => Promise<T>,
): Promise<T> {
  const traced = events.filter(({ headers }) => headers['ce_traceparent']).slice(0, TRACED_MAX);
  return traced.reduceRight<() => Promise<T>>(
    (inner, event) => () => underSpans(tracing, event, inner),
    work,
  )();
}

function underSpans<T>(
  tracing: Tracing,
  { headers, topic, partition, offset }: LogEvent,
  work: () => Promise<T>,
): Promise<T> {
  const attributes = {
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': partition,
    'messaging.kafka.offset': Number(offset),
  };
  const parent = headers['ce_traceparent'];
  return tracing.span('telemetry.consume', { kind: 'consumer', parent, attributes }, () =>
    tracing.span('telemetry.store', { kind: 'internal' }, work),
  );
}
