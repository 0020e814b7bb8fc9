import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';

export type TracingOptions =
  | { readonly exporter: 'none' }
  | { readonly exporter: 'memory' }
  /** One JSON line per finished span, at most TRACE_FILE_BYTES_MAX. */
  | { readonly exporter: 'file'; readonly file: string }
  | { readonly exporter: 'otlp'; readonly endpoint: string };

export interface SpanOptions {
  /** A W3C traceparent; without it the active span is the parent. */
  readonly parent?: string | undefined;
  readonly kind?: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  readonly attributes?: Record<string, string | number>;
  /** Traceparents of related spans. */
  readonly links?: readonly string[];
}

export interface ActiveSpan {
  /** '' when the span is not sampled. */
  readonly traceparent: string;
  set(name: string, value: string | number): void;
}

export interface FinishedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Record<string, unknown>;
}

/**
 * Spans at the borders, by hand. Instrumenting everything automatically costs two thirds of the
 * throughput.
 */
export interface Tracing {
  /**
   * Runs `work` in a span that ends when it (or its promise) does; an exception is recorded and
   * thrown on.
   */
  span<T>(name: string, options: SpanOptions, work: (span: ActiveSpan) => T): T;
  /** W3C traceparent of the active span; '' when there is none or it is not sampled. */
  current(): string;
  /** What the memory exporter holds; empty with any other. */
  finished(): readonly FinishedSpan[];
  /** Sends what is waiting, with a deadline of the exporter's own. */
  stop(): Promise<void>;
}

/** What starts and stops the SDK; the SDK itself is loaded only when an exporter is set. */
export interface TracingBackend {
  readonly tracer: Tracer;
  readonly finished: () => readonly FinishedSpan[];
  readonly stop: () => Promise<void>;
}

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;

const UNSAMPLED: ActiveSpan = { traceparent: '', set: () => {} };

export const noTracing: Tracing = {
  span: (_name, _options, work) => work(UNSAMPLED),
  current: () => '',
  finished: () => [],
  stop: async () => {},
};

export async function startTracing(process: string, options: TracingOptions): Promise<Tracing> {
  if (options.exporter === 'none') return noTracing;
  const { startBackend } = await import('./tracing.sdk.ts');
  return tracingOn(startBackend(process, options));
}

export function tracingOn(backend: TracingBackend): Tracing {
  return {
    span(name, options, work) {
      const parent = options.parent ? parentContext(options.parent) : context.active();
      const span = backend.tracer.startSpan(
        name,
        {
          kind: KINDS[options.kind ?? 'internal'],
          attributes: options.attributes ?? {},
          links: (options.links ?? []).flatMap((link) => {
            const linked = parseTraceparent(link);
            return linked ? [{ context: linked }] : [];
          }),
        },
        parent,
      );
      return context.with(trace.setSpan(parent, span), () => runIn(span, work));
    },
    current: () => formatTraceparent(trace.getSpan(context.active())?.spanContext()),
    finished: backend.finished,
    stop: backend.stop,
  };
}

function runIn<T>(span: Span, work: (span: ActiveSpan) => T): T {
  const active: ActiveSpan = {
    traceparent: formatTraceparent(span.spanContext()),
    set: (name, value) => void span.setAttribute(name, value),
  };
  try {
    const result = work(active);
    if (!(result instanceof Promise)) {
      span.end();
      return result;
    }
    return result.then(
      (value) => {
        span.end();
        return value;
      },
      (error: unknown) => {
        failSpan(span, error);
        throw error;
      },
    ) as T;
  } catch (error) {
    failSpan(span, error);
    throw error;
  }
}

function failSpan(span: Span, error: unknown): void {
  span.recordException(error instanceof Error ? error : String(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

function parentContext(traceparent: string) {
  const parent = parseTraceparent(traceparent);
  return parent ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true }) : ROOT_CONTEXT;
}

/** W3C Trace Context, version 00. Undefined when it is malformed. */
export function parseTraceparent(traceparent: string): SpanContext | undefined {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent);
  if (!match) return undefined;
  const found = {
    traceId: match[1]!,
    spanId: match[2]!,
    traceFlags: Number.parseInt(match[3]!, 16) & TraceFlags.SAMPLED,
  };
  return isSpanContextValid(found) ? found : undefined;
}

function formatTraceparent(found: SpanContext | undefined): string {
  if (!found || !isSpanContextValid(found) || !(found.traceFlags & TraceFlags.SAMPLED)) return '';
  return `00-${found.traceId}-${found.spanId}-01`;
}
