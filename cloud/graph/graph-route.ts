import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Context } from 'hono';
import { type Api, addressOf } from '../platform/http/api.ts';
import type { createGraphql } from './yoga.ts';
import { GRAPHQL_PATH } from './yoga.ts';

const SECONDS_BUCKETS = [0.005, 0.025, 0.1, 0.5, 2.5, 10];

export interface GraphRoute {
  readonly graphql: ReturnType<typeof createGraphql>;
  readonly runtime: Runtime;
  readonly isDevelopment: boolean;
}

/** Serves GraphQL: who asks is known, and their budget is asked, before a query is even parsed. */
export function addGraphRoute(api: Api, { graphql, runtime, isDevelopment }: GraphRoute): void {
  const { clock, metrics, tracing } = runtime;
  const seconds = metrics.histogram('holdfast_graphql_request_seconds', 'Time to answer GraphQL.', {
    buckets: SECONDS_BUCKETS,
  });
  const answer = async (c: Context<HttpEnv>): Promise<Response> => {
    const principal = await identify(api, c);
    return graphql.fetch(c.req.raw, { principal });
  };
  api.app.on(['GET', 'POST'], GRAPHQL_PATH, async (c) => {
    // The page has no token yet; what it asks then, has.
    if (isDevelopment && isPage(c)) return graphql.fetch(c.req.raw, { principal: NOBODY });
    const started = clock.monotonicMs();
    try {
      return await tracing.span('graphql.request', { kind: 'server' }, () => answer(c));
    } catch (cause) {
      if (cause instanceof AppError) return errorReply(cause);
      throw cause;
    } finally {
      seconds.observe((clock.monotonicMs() - started) / 1000);
    }
  });
}

const NOBODY: Principal = { subject: '', tenant: '', sites: [], roles: [] };

function isPage(c: Context<HttpEnv>): boolean {
  const isQuery = new URL(c.req.url).searchParams.has('query');
  return c.req.method === 'GET' && !isQuery && !!c.req.header('accept')?.includes('text/html');
}

async function identify({ verifier, limiter }: Api, c: Context<HttpEnv>): Promise<Principal> {
  const take = async (who: string): Promise<void> => {
    const taken = await limiter?.take({ class: 'read', who });
    if (taken) c.set('answerHeaders', taken.headers);
    if (taken?.refusal) throw taken.refusal;
  };
  try {
    const principal = await verifier.verify(c.req.header('authorization'));
    await take(`${principal.tenant}/${principal.subject}`);
    return principal;
  } catch (cause) {
    // Who guesses tokens uses up the budget of their address.
    if (cause instanceof AppError && cause.status === 401) await take(addressOf(c));
    throw cause;
  }
}

/** Before GraphQL runs, an error is a GraphQL answer, too. */
function errorReply({ code, message, status, retryAfterMs }: AppError): Response {
  const headers = new Headers({ 'content-type': 'application/json; charset=utf-8' });
  if (status === 401) headers.set('www-authenticate', 'Bearer realm="holdfast"');
  if (retryAfterMs !== undefined) headers.set('retry-after', `${Math.ceil(retryAfterMs / 1000)}`);
  const body = { errors: [{ message, extensions: { code } }] };
  return new Response(JSON.stringify(body), { status, headers });
}
