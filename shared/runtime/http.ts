import { type Context, type Handler, Hono, type MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { z } from 'zod';
import { ERROR_CODES } from '../contracts/error-codes.ts';
import type { Principal } from '../contracts/roles.ts';
import { AppError, toldOf } from '../lib/app-error.ts';
import { AssertionError } from '../lib/assert.ts';
import { withDeadline } from './clock.ts';
import { FailureLog } from './failure-log.ts';
import type { ModuleStatus } from './modules.ts';
import type { Runtime } from './runtime.ts';

export type HttpApp = Hono<HttpEnv>;
export interface HttpEnv {
  Variables: {
    principal: Principal | undefined;
    /** Headers of the answer whatever it is, a problem included. */
    answerHeaders: Readonly<Record<string, string>> | undefined;
  };
}

const BODY_BYTES_MAX = 256 * 1024;
const REQUEST_TIMEOUT_MS = 15_000;
const SECONDS_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10];

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

export interface AppOptions {
  readonly bodyBytesMax?: number;
  readonly requestTimeoutMs?: number;
}

/**
 * An app whose every answer has a deadline, a span and a metric, and whose every error is a problem
 * document (RFC 9457).
 */
export function createApp(runtime: Runtime, options: AppOptions = {}): HttpApp {
  const app: HttpApp = new Hono<HttpEnv>();
  const seconds = runtime.metrics.histogram('holdfast_http_request_seconds', 'Time to answer.', {
    labelNames: ['method', 'status'],
    buckets: SECONDS_BUCKETS,
  });
  const failures = new FailureLog(runtime);
  const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  app.use(async (c, next) => {
    const started = runtime.clock.monotonicMs();
    const attributes = { 'http.request.method': c.req.method, 'url.path': c.req.path };
    const parent = c.req.header('traceparent');
    await runtime.tracing.span('http.request', { kind: 'server', attributes, parent }, async () => {
      const ms = limitsOf(c).timeoutMs ?? timeoutMs;
      await withDeadline(next(), { clock: runtime.clock, ms, late: () => tooLate(ms) });
      const traceparent = runtime.tracing.current();
      if (c.error && !(c.error instanceof z.ZodError)) {
        const { method, path } = c.req;
        failures.report(c.error, 'a request failed', {
          method,
          path,
          trace: traceIdOf(traceparent),
        });
      }
      if (traceparent) c.header('traceparent', traceparent);
      const headers = c.get('answerHeaders');
      for (const name in headers) c.header(name, headers[name]);
    });
    const labels = { method: c.req.method, status: String(c.res.status) };
    seconds.observe((runtime.clock.monotonicMs() - started) / 1000, labels);
  });
  app.use(limitBodies(options));
  app.onError((error) => problem(error, runtime.tracing.current()));
  app.notFound((c) => {
    const { method, path } = c.req;
    const traceparent = runtime.tracing.current();
    const allowed = methodsAt(app, path);
    if (allowed.length === 0) {
      return problem(
        new AppError('NOT_FOUND', `there is nothing at ${method} ${path}`),
        traceparent,
      );
    }
    const allow = allowed.join(', ');
    const error = new AppError('METHOD_NOT_ALLOWED', `${path} takes ${allow}`);
    const response = problem(error, traceparent);
    response.headers.set('allow', allow);
    return response;
  });
  return app;
}

/**
 * A length that is declared is judged by its header: touching the body would cost each request a
 * stream. Only a body in chunks is read, up to the limit.
 */
function limitBodies(options: AppOptions): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (c.req.method === 'GET' || c.req.method === 'HEAD') return next();
    const max = limitsOf(c).bodyBytesMax ?? options.bodyBytesMax ?? BODY_BYTES_MAX;
    const declared = c.req.header('content-length');
    const isChunked = c.req.header('transfer-encoding') !== undefined;
    if (declared !== undefined && !isChunked) {
      if (!(Number(declared) <= max)) throw tooLarge(max);
      return next();
    }
    // RFC 9112 §6.3: without either header nothing follows. A request that never crossed a socket
    // has none.
    const isFromSocket = (c.env as { incoming?: unknown } | undefined)?.incoming !== undefined;
    if (isChunked || !isFromSocket) await readInChunks(c, max);
    return next();
  };
}

async function readInChunks(c: Context<HttpEnv>, bytesMax: number): Promise<void> {
  const { raw } = c.req;
  if (!raw.body) return;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of raw.body) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  const { method, headers, signal } = raw;
  c.req.raw = new Request(raw.url, { method, headers, signal, body: Buffer.concat(chunks) });
}

function tooLarge(bytesMax: number): AppError {
  return new AppError('PAYLOAD_TOO_LARGE', `the body is larger than ${bytesMax} bytes`);
}

function tooLate(ms: number): AppError {
  return new AppError('DEADLINE_EXCEEDED', `the request took more than ${ms} ms`);
}

/** In place of the app's own. */
export interface RouteLimits {
  /** An upload's. */
  readonly bodyBytesMax?: number;
  /** A report's, which takes longer than an answer may. */
  readonly timeoutMs?: number;
}

interface WithLimits {
  readonly limits: RouteLimits;
}

export function withLimits<H extends Handler<HttpEnv>>(handler: H, limits: RouteLimits): H {
  return Object.assign(handler, { limits } satisfies WithLimits);
}

function limitsOf(c: Context<HttpEnv>): RouteLimits {
  const own = matchedRoutes(c).at(-1)?.handler as Partial<WithLimits> | undefined;
  return own?.limits ?? {};
}

/** What a path would have taken; only asked when a request found nothing. */
function methodsAt(app: HttpApp, path: string): string[] {
  const found = METHODS.filter((method) => {
    const [handlers] = app.router.match(method, path);
    return handlers.some(([[, route]]) => route.method === method);
  });
  return found.includes('GET') ? ['HEAD', ...found] : found;
}

function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.split('-')[1];
}

/**
 * The answer that an error becomes. What is not an operating error, or is the operator's alone,
 * says nothing about the inside.
 */
export function problem(error: unknown, traceparent = ''): Response {
  if (error instanceof AssertionError) queueMicrotask(() => raise(error));
  const known = asAppError(error);
  const body = {
    type: `urn:holdfast:error:${known.code}`,
    title: ERROR_CODES[known.code].title,
    status: known.status,
    code: known.code,
    detail: known.message,
    ...(known.hint === undefined ? {} : { hint: known.hint }),
    ...(traceparent ? { instance: `urn:trace:${traceIdOf(traceparent)}` } : {}),
    ...(known.fields.length > 0 ? { errors: known.fields } : {}),
  };
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (known.retry === 'later') {
    headers.set('retry-after', String(Math.ceil((known.retryAfterMs ?? 1_000) / 1000)));
  }
  if (known.status === 401) headers.set('www-authenticate', 'Bearer realm="holdfast"');
  return new Response(JSON.stringify(body), { status: known.status, headers });
}

/** A bug stops the process: it is thrown where nobody catches it. */
function raise(error: AssertionError): never {
  throw error;
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return toldOf(error);
  if (error instanceof z.ZodError) return invalidRequest(error);
  if (error instanceof SyntaxError) {
    return new AppError('REQUEST_INVALID', 'the body is not valid JSON', { cause: error });
  }
  return new AppError('INTERNAL', 'an internal error; the log has the details', { cause: error });
}

/** REQUEST_INVALID with one JSON pointer (RFC 6901) per wrong field; an unknown field is named. */
export function invalidRequest(error: z.ZodError): AppError {
  const fields = error.issues.flatMap((issue) => {
    const base = issue.path.map((part) => `/${escapePointer(String(part))}`).join('');
    if (issue.code !== 'unrecognized_keys') return [{ pointer: base, detail: issue.message }];
    return issue.keys.map((key) => ({
      pointer: `${base}/${escapePointer(key)}`,
      detail: 'there is no such field or parameter',
    }));
  });
  const named = fields.map((field) => `${field.pointer}: ${field.detail}`).join('; ');
  return new AppError('REQUEST_INVALID', named, { fields, cause: error });
}

function escapePointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

export interface Operations {
  readonly runtime: Runtime;
  readonly version: string;
  readonly status: () => readonly ModuleStatus[];
  readonly draining: () => boolean;
}

/** /healthz (the process), /readyz (its modules; fails while draining), /metrics and /version. */
export function addOperations(app: HttpApp, operations: Operations): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', (c) => {
    const modules = operations.status();
    const draining = operations.draining();
    const up = (state: string): boolean => state === 'ready' || state === 'degraded';
    const ready = !draining && modules.every((module) => up(module.state));
    return c.json(
      { status: ready ? 'ready' : draining ? 'draining' : 'not ready', modules },
      ready ? 200 : 503,
    );
  });
  app.get('/metrics', async (c) =>
    c.text(await operations.runtime.metrics.text(), 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    }),
  );
  app.get('/version', (c) => c.json({ version: operations.version, node: process.version }));
}
