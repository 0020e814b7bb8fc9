import {
  enrolRequestSchema,
  renewalRequestSchema,
} from '@holdfast/shared/contracts/gateway-identity.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import {
  requireRole,
  requireSite,
  type TokenVerifier,
} from '@holdfast/shared/runtime/access-token.ts';
import type { HttpApp, HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
import type { JSONWebKeySet } from 'jose';
import type { Gateways } from './gateways.ts';
import {
  addressOf,
  claimRequestSchema,
  expectNothing,
  gatewayIdOf,
  parseBody,
  refreshRequestSchema,
  tokenRequestSchema,
} from './requests.ts';
import type { Sessions } from './sessions.ts';

/**
 * Shorter than the overlap of a rotation: whoever keeps the keys so long still knows the one that
 * signs.
 */
const KEYS_CACHE_CONTROL = 'public, max-age=300';

export interface AuthRoutes {
  readonly sessions: Sessions;
  readonly gateways: Gateways;
  readonly verifier: TokenVerifier;
  readonly jwks: JSONWebKeySet;
}

export function addAuthRoutes(app: HttpApp, auth: AuthRoutes): void {
  app.get('/.well-known/jwks.json', (c) =>
    c.json(auth.jwks, 200, { 'cache-control': KEYS_CACHE_CONTROL }),
  );
  app.post('/v1/auth/token', async (c) => {
    const { username, password } = await parseBody(c, tokenRequestSchema);
    return secret(c, await auth.sessions.signIn({ username, password, address: addressOf(c) }));
  });
  app.post('/v1/auth/refresh', async (c) => {
    const { refreshToken } = await parseBody(c, refreshRequestSchema);
    return secret(c, await auth.sessions.refresh(refreshToken));
  });
  app.get('/v1/auth/me', async (c) => {
    const principal = await authenticate(c, auth.verifier);
    await expectNothing(c);
    return secret(c, principal);
  });
  addPeoplesRoutes(app, auth);
  addGatewaysRoutes(app, auth);
}

/** What an administrator does with gateways. */
function addPeoplesRoutes(app: HttpApp, { gateways, verifier }: AuthRoutes): void {
  app.post('/v1/gateways/claims', async (c) => {
    const principal = await authenticate(c, verifier);
    const place = await parseBody(c, claimRequestSchema);
    requireRole(principal, ['administrator']);
    requireSite(principal, place.site);
    return secret(c, await gateways.claim(principal, place), 201);
  });
  app.post('/v1/gateways/:id/revoke', async (c) => {
    const principal = await authenticate(c, verifier);
    await expectNothing(c);
    requireRole(principal, ['administrator']);
    await gateways.revoke(principal, gatewayIdOf(c));
    return c.body(null, 204);
  });
}

/** What a gateway does itself: it has no token, but a claim's secret or its key. */
function addGatewaysRoutes(app: HttpApp, { gateways }: AuthRoutes): void {
  app.post('/v1/gateways/enroll', async (c) =>
    secret(c, await gateways.enrol(await parseBody(c, enrolRequestSchema))),
  );
  app.post('/v1/gateways/:id/certificate/nonce', async (c) => {
    await expectNothing(c);
    return secret(c, gateways.nonce(gatewayIdOf(c)));
  });
  app.post('/v1/gateways/:id/certificate', async (c) => {
    const request = await parseBody(c, renewalRequestSchema);
    return secret(c, await gateways.renew(gatewayIdOf(c), request));
  });
}

async function authenticate(c: Context<HttpEnv>, verifier: TokenVerifier): Promise<Principal> {
  const principal = await verifier.verify(c.req.header('authorization'));
  c.set('principal', principal);
  return principal;
}

/** For one reader only: no cache on the way keeps it. */
function secret<T extends object>(c: Context<HttpEnv>, body: T, status: 200 | 201 = 200): Response {
  return c.body(JSON.stringify(body), status, {
    'cache-control': 'no-store',
    'content-type': 'application/json',
  });
}
