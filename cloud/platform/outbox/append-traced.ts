import type { Topic } from '@holdfast/shared/contracts/topics.ts';
import type { Tracing } from '@holdfast/shared/runtime/tracing.ts';
import type { EventLog, LogRecord } from '../event-log/event-log.ts';

const TRACEPARENT = 'ce_traceparent';

/**
 * Appends, with one `event-log.append` span below each span that caused events of this batch. The
 * events carry that span on, so that what their consumers do lies below the log in the trace.
 */
export async function appendTraced(
  { log, tracing }: { readonly log: EventLog; readonly tracing: Tracing },
  topic: Topic,
  records: readonly LogRecord[],
): Promise<void> {
  const appended = Promise.withResolvers<void>();
  // The error goes to whoever awaits the append; the spans only record it.
  appended.promise.catch(() => {});
  const spans = new Map<string, string>();
  const spanBelow = (parent: string): string => {
    const span = spans.get(parent) ?? openSpan(tracing, { parent, topic, until: appended.promise });
    spans.set(parent, span);
    return span;
  };
  const traced = records.map((record) => {
    const parent = record.headers[TRACEPARENT];
    if (!parent) return record;
    return { ...record, headers: { ...record.headers, [TRACEPARENT]: spanBelow(parent) } };
  });
  try {
    await log.append(topic, traced);
  } catch (cause) {
    appended.reject(cause);
    throw cause;
  }
  appended.resolve();
}

interface AppendSpan {
  readonly parent: string;
  readonly topic: Topic;
  readonly until: Promise<void>;
}

/** A process that does not trace hands on what it got. */
function openSpan(tracing: Tracing, { parent, topic, until }: AppendSpan): string {
  const attributes = { 'messaging.destination.name': topic };
  let traceparent = '';
  const ended = tracing.span(
    'event-log.append',
    { kind: 'producer', parent, attributes },
    (span) => {
      traceparent = span.traceparent;
      return until;
    },
  );
  ended.catch(() => {}); // The same error as that of `until`.
  return traceparent || parent;
}
