import { hash } from 'node:crypto';
import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { requireRole, type TokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import {
  type HttpApp,
  type HttpEnv,
  invalidRequest,
  withLimits,
} from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
import type { z } from 'zod';
import { readIfMatch } from './entity-tag.ts';
import { type IdempotentRequest, readIdempotencyKey } from './idempotency.ts';
import type { RateClass, RateLimiter } from './rate-limit.ts';
import { readBody } from './request-body.ts';
import type { Call, Handler, Route } from './route.ts';

/** The paths of one process: where they are served, and what the document says about them. */
export interface Api {
  readonly app: HttpApp;
  readonly routes: readonly Route[];
  /** For what is no route: a WebSocket's handshake, GraphQL. */
  readonly verifier: TokenVerifier;
  readonly limiter: RateLimiter | undefined;
}

export interface ApiOptions {
  readonly app: HttpApp;
  readonly verifier: TokenVerifier;
  /** Without it nothing is limited, and no answer says so. */
  readonly limiter?: RateLimiter;
}

interface OpenApi extends Api {
  readonly routes: Route[];
}

export function createApi({ app, verifier, limiter }: ApiOptions): Api {
  const api: OpenApi = { app, verifier, limiter, routes: [] };
  return api;
}

/**
 * Serves a route. Before the handler runs: the token is verified, the budget is asked, the role is
 * checked, and everything that was sent is parsed by its schema. An unknown parameter or field is
 * REQUEST_INVALID and named by a pointer.
 */
export function addRoute<const R extends Route>(api: Api, route: R, handler: Handler<R>): void {
  const { app, routes, verifier, limiter } = api as OpenApi;
  check(route, routes);
  routes.push(route);
  const caller = callerOf(route, { verifier, limiter });
  const parse = parserOf(route);
  const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
  const serve = async (c: Context<HttpEnv>): Promise<Response> => {
    const principal = await caller(c);
    const call = await parse(c, principal);
    return handler(call as Call<R>);
  };
  const { upload, timeoutMs } = route;
  const limits = {
    ...(upload && { bodyBytesMax: upload.bytesMax }),
    ...(timeoutMs && { timeoutMs }),
  };
  app.on(route.method.toUpperCase(), path, withLimits(serve, limits));
}

/** Bugs of who wrote the route, found when the process starts. */
function check(route: Route, routes: readonly Route[]): void {
  const name = `${route.method} ${route.path}`;
  const same = routes.some(({ method, path }) => method === route.method && path === route.path);
  assert(!same, `${name} is a route already`);
  const named = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, param]) => param!);
  const declared = Object.keys(route.params?.shape ?? {});
  assert(named.sort().join() === declared.sort().join(), `${name} declares the params of its path`);
  assert(!route.creates || route.method === 'post', `${name} creates, so it is a POST`);
  assert(!(route.body && route.upload), `${name} takes JSON or bytes`);
  const isListed = route.list ? route.query?.shape['limit'] && route.query.shape['cursor'] : true;
  assert(isListed, `${name} is a list, so it takes limit and cursor`);
}

type CallerOf = (c: Context<HttpEnv>) => Promise<Principal | undefined>;

function callerOf(
  { caller, method, rate }: Route,
  { verifier, limiter }: Pick<OpenApi, 'verifier' | 'limiter'>,
): CallerOf {
  const rateClass = rate ?? (method === 'get' ? 'read' : 'write');
  const take = takerOf(limiter, rateClass);
  if (caller === 'public') {
    return async (c) => {
      await take(c, addressOf(c));
      return undefined;
    };
  }
  return async (c) => {
    const principal = await identify(c);
    await take(c, `${principal.tenant}/${principal.subject}`);
    requireRole(principal, caller as readonly Role[]);
    return principal;
  };

  /** Who guesses tokens uses up the budget of their address. */
  async function identify(c: Context<HttpEnv>): Promise<Principal> {
    try {
      const principal = await verifier.verify(c.req.header('authorization'));
      c.set('principal', principal);
      return principal;
    } catch (cause) {
      if (cause instanceof AppError && cause.status === 401) await take(c, addressOf(c));
      throw cause;
    }
  }
}

function takerOf(limiter: RateLimiter | undefined, rateClass: RateClass) {
  return async (c: Context<HttpEnv>, who: string): Promise<void> => {
    if (!limiter) return;
    const { headers, refusal } = await limiter.take({ class: rateClass, who });
    c.set('answerHeaders', headers);
    if (refusal) throw refusal;
  };
}

/** Of the peer as the socket knows it; requests that never crossed a socket share one. */
export function addressOf(c: Context<HttpEnv>): string {
  const env = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  return env?.incoming?.socket?.remoteAddress ?? 'in-process';
}

type Parse = (c: Context<HttpEnv>, principal: Principal | undefined) => Promise<Call>;

function parserOf(route: Route): Parse {
  const { params, query, headers, creates, needsIfMatch } = route;
  const names = Object.keys(headers?.shape ?? {});
  return async (c, principal) => {
    const call = {
      c,
      principal,
      params: params && parseParams(c, params),
      query: parseQuery(c, query),
      headers: headers?.parse(headersOf(c, names)),
      ifMatch: needsIfMatch && readIfMatch(c.req.header('if-match')),
    };
    const key = creates && readIdempotencyKey(c.req.header('idempotency-key'));
    const { text, body } = await readBody(c, route);
    const idempotency = key && idempotentRequest(c, route, { key, text, principal });
    return { ...call, body, idempotency } as Call;
  };
}

/** What is no id names nothing: it is not there, whoever asks. */
function parseParams(c: Context<HttpEnv>, schema: z.ZodObject) {
  const parsed = schema.safeParse(c.req.param());
  if (parsed.success) return parsed.data;
  throw new AppError('NOT_FOUND', `there is nothing at ${c.req.path}`, {
    fields: invalidRequest(parsed.error).fields,
  });
}

/** A parameter that is unknown, wrong or given twice is REQUEST_INVALID. */
function parseQuery(c: Context<HttpEnv>, schema: z.ZodObject | undefined) {
  if (!c.req.raw.url.includes('?')) return schema?.parse({});
  const given: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (values.length > 1) throw invalidField(name, 'is given more than once');
    if (!schema) throw invalidField(name, 'there is no such field or parameter');
    given[name] = values[0]!;
  }
  return schema?.parse(given);
}

function invalidField(name: string, detail: string): AppError {
  const field = { pointer: `/${name}`, detail };
  return new AppError('REQUEST_INVALID', `${field.pointer}: ${detail}`, { fields: [field] });
}

function headersOf(c: Context<HttpEnv>, names: readonly string[]) {
  const given = names.map((name) => [name, c.req.header(name)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

function idempotentRequest(
  c: Context<HttpEnv>,
  route: Route,
  sent: { key: string; text: string; principal: Principal | undefined },
): IdempotentRequest {
  const { key, text, principal } = sent;
  assert(principal, 'a route that creates knows who asks');
  const fingerprint = hash('sha256', `${c.req.path}\n${text}`);
  return { principal, route: `POST ${route.path}`, key, fingerprint };
}
