import { startTracing } from '@holdfast/shared/runtime/tracing.ts';
import { expect, it } from 'vitest';
import type { EventLog, LogRecord } from '../event-log/event-log.ts';
import { appendTraced } from './append-traced.ts';

const record = (key: string, traceparent?: string): LogRecord => ({
  key,
  headers: traceparent ? { ce_id: key, ce_traceparent: traceparent } : { ce_id: key },
  value: Buffer.from(key),
});

it('is one span below each cause, which the events carry on; a failure is thrown', async () => {
  const tracing = await startTracing('relay', { exporter: 'memory' });
  const appended: LogRecord[] = [];
  let failure: Error | undefined;
  const log = {
    async append(_topic: string, records: readonly LogRecord[]) {
      if (failure) throw failure;
      appended.push(...records);
      return [];
    },
  } as unknown as EventLog;
  const cause = (name: string) => tracing.span(name, {}, ({ traceparent }) => traceparent);
  const [first, second] = [cause('first'), cause('second')];
  await appendTraced({ log, tracing }, 'orders', [
    record('a', first),
    record('b'),
    record('c', second),
    record('d', first),
  ]);
  const spans = tracing.finished().filter(({ name }) => name === 'event-log.append');
  const idOf = (traceparent = ''): string | undefined => traceparent.split('-')[2];
  expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual([idOf(first), idOf(second)]);
  const carried = appended.map(({ headers }) => idOf(headers['ce_traceparent']));
  const [below, other] = spans.map(({ spanId }) => spanId);
  expect(carried).toEqual([below, undefined, other, below]);
  failure = new Error('the log is away');
  await expect(appendTraced({ log, tracing }, 'orders', [record('a', first)])).rejects.toBe(
    failure,
  );
  await tracing.stop();
});
