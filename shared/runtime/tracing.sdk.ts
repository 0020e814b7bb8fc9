import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { FinishedSpan, TracingBackend, TracingOptions } from './tracing.ts';

/** A trace file takes no more than this; later spans are left out. */
export const TRACE_FILE_BYTES_MAX = 64 * 1024 * 1024;

const EXPORT_TIMEOUT_MS = 5_000;
const QUEUE_SPANS_MAX = 2_048;

/** The OpenTelemetry SDK behind the tracing port. One context manager serves the process. */
export function startBackend(process: string, options: TracingOptions): TracingBackend {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const memory = new InMemorySpanExporter();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': process }),
    spanProcessors: [processorFor(options, memory)],
  });
  return {
    tracer: provider.getTracer('holdfast'),
    finished: () => memory.getFinishedSpans().map(finishedSpan),
    stop: () => provider.shutdown(),
  };
}

function processorFor(options: TracingOptions, memory: InMemorySpanExporter): SpanProcessor {
  if (options.exporter === 'otlp') {
    const exporter = new OTLPTraceExporter({
      url: options.endpoint,
      timeoutMillis: EXPORT_TIMEOUT_MS,
    });
    return new BatchSpanProcessor({
      exporter,
      exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      maxQueueSize: QUEUE_SPANS_MAX,
    });
  }
  const exporter = options.exporter === 'file' ? fileExporter(options.file) : memory;
  return new SimpleSpanProcessor({ exporter });
}

function fileExporter(file: string): SpanExporter {
  mkdirSync(dirname(file), { recursive: true });
  const handle = openSync(file, 'a', 0o600);
  let written = 0;
  return {
    export(spans, done) {
      const lines = spans.map((span) => `${JSON.stringify(finishedSpan(span))}\n`).join('');
      if (written + lines.length <= TRACE_FILE_BYTES_MAX) written += writeSync(handle, lines);
      done({ code: 0 });
    },
    shutdown: async () => closeSync(handle),
  };
}

function finishedSpan(span: ReadableSpan): FinishedSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    name: span.name,
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    attributes: { ...span.attributes },
  };
}
