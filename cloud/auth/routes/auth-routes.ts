import {
  enrolAnswerSchema,
  enrolRequestSchema,
  nonceAnswerSchema,
  renewalRequestSchema,
} from '@holdfast/shared/contracts/gateway-identity.ts';
import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import {
  type ServiceTokenAnswer,
  type ServiceTokenRequest,
  serviceTokenAnswerSchema,
  serviceTokenRequestSchema,
} from '@holdfast/shared/contracts/service-token.ts';
import { requireSite } from '@holdfast/shared/runtime/access-token.ts';
import type { JSONWebKeySet } from 'jose';
import { type Api, addRoute, addressOf } from '../../platform/http/api.ts';
import { claimAnswer, jwksAnswer, principalAnswer, tokensAnswer } from './answers.ts';
import type { Gateways } from './gateways.ts';
import {
  claimRequestSchema,
  gatewayParams,
  refreshRequestSchema,
  tokenRequestSchema,
} from './requests.ts';
import type { Sessions } from './sessions.ts';

/** Services of this installation, each with a secret that its processes share. */
export interface ServiceClients {
  /** Throws CREDENTIALS_WRONG, for a client that does not exist as well. */
  token(request: ServiceTokenRequest): Promise<ServiceTokenAnswer>;
}

/**
 * Shorter than the overlap of a rotation: whoever keeps the keys so long still knows the one that
 * signs.
 */
const KEYS_CACHE_CONTROL = 'public, max-age=300';

export interface AuthRoutes {
  readonly sessions: Sessions;
  readonly gateways: Gateways;
  readonly services: ServiceClients;
  readonly jwks: () => Promise<JSONWebKeySet>;
}

export function addAuthRoutes(api: Api, auth: AuthRoutes): void {
  addKeys(api, auth);
  addSessions(api, auth);
  addServiceTokens(api, auth);
  addPeoplesRoutes(api, auth);
  addGatewaysRoutes(api, auth);
}

function addKeys(api: Api, { jwks }: AuthRoutes): void {
  const route = {
    method: 'get',
    path: '/.well-known/jwks.json',
    tag: 'auth',
    summary: 'The public keys that verify access tokens',
    caller: 'public',
    answers: { 200: { description: 'A JSON Web Key Set (RFC 7517).', body: jwksAnswer } },
  } as const;
  addRoute(api, route, async ({ c }) =>
    c.json(await jwks(), 200, { 'cache-control': KEYS_CACHE_CONTROL }),
  );
}

function addSessions(api: Api, { sessions }: AuthRoutes): void {
  const open = { method: 'post', tag: 'auth', caller: 'public', rate: 'sign-in' } as const;
  const signIn = {
    ...open,
    path: '/v1/auth/token',
    summary: 'Sign in by user name and password',
    body: tokenRequestSchema,
    answers: { 200: { description: 'The tokens of a new session.', body: tokensAnswer } },
    problems: ['CREDENTIALS_WRONG'],
  } as const;
  addRoute(api, signIn, async ({ c, body }) =>
    secret(await sessions.signIn({ ...body, address: addressOf(c) })),
  );
  const refresh = {
    ...open,
    path: '/v1/auth/refresh',
    summary: 'The next tokens of a session',
    description: 'A refresh token is good once; a second use ends the session.',
    body: refreshRequestSchema,
    answers: { 200: { description: 'The next tokens.', body: tokensAnswer } },
    problems: ['TOKEN_INVALID'],
  } as const;
  addRoute(api, refresh, async ({ body }) => secret(await sessions.refresh(body.refreshToken)));
  const signOut = {
    ...open,
    path: '/v1/auth/sign-out',
    summary: 'End the session of a refresh token',
    description: 'What is no token of a session that goes on has nothing to end, and is no error.',
    body: refreshRequestSchema,
    answers: { 204: { description: 'The session has ended.' } },
  } as const;
  addRoute(api, signOut, async ({ c, body }) => {
    await sessions.signOut(body.refreshToken);
    return c.body(null, 204);
  });
  const me = {
    method: 'get',
    path: '/v1/auth/me',
    tag: 'auth',
    summary: 'Who the access token speaks for',
    caller: ROLES,
    answers: { 200: { description: 'The verified content of the token.', body: principalAnswer } },
  } as const;
  addRoute(api, me, ({ principal }) => secret(principal));
}

/** For the targets of this installation that run in processes without `auth`. */
function addServiceTokens(api: Api, { services }: AuthRoutes): void {
  const route = {
    method: 'post',
    tag: 'auth',
    caller: 'public',
    path: '/v1/auth/service-token',
    summary: 'A token for the internal port, for a service of this installation',
    body: serviceTokenRequestSchema,
    answers: { 200: { description: 'The token.', body: serviceTokenAnswerSchema } },
    problems: ['CREDENTIALS_WRONG'],
  } as const;
  addRoute(api, route, async ({ body }) => secret(await services.token(body)));
}

/** What an administrator does with gateways. */
function addPeoplesRoutes(api: Api, { gateways }: AuthRoutes): void {
  const administrators = { method: 'post', tag: 'gateways', caller: ['administrator'] } as const;
  const claim = {
    ...administrators,
    path: '/v1/gateways/claims',
    summary: 'A claim code for a new gateway of a site',
    description:
      'Each call draws another code, and one that is not used expires: no key is needed.',
    body: claimRequestSchema,
    answers: { 201: { description: 'The code, shown once.', body: claimAnswer } },
  } as const;
  addRoute(api, claim, async ({ principal, body }) => {
    requireSite(principal, body.site);
    return secret(await gateways.claim(principal, body), 201);
  });
  const revoke = {
    ...administrators,
    path: '/v1/gateways/{id}/revoke',
    summary: 'Refuse a gateway from now on',
    params: gatewayParams,
    answers: { 204: { description: 'It is revoked.' } },
  } as const;
  addRoute(api, revoke, async ({ c, principal, params }) => {
    await gateways.revoke(principal, params.id);
    return c.body(null, 204);
  });
}

/** What a gateway does itself: it has no token, but a claim's secret or its key. */
function addGatewaysRoutes(api: Api, { gateways }: AuthRoutes): void {
  const open = { method: 'post', tag: 'gateways', caller: 'public' } as const;
  const enrol = {
    ...open,
    path: '/v1/gateways/enroll',
    summary: 'Use a claim code',
    body: enrolRequestSchema,
    answers: { 200: { description: 'The certificate.', body: enrolAnswerSchema } },
    problems: ['CLAIM_WRONG', 'CLAIM_USED', 'CLAIM_EXPIRED', 'CERTIFICATE_REJECTED'],
  } as const;
  addRoute(api, enrol, async ({ body }) => secret(await gateways.enrol(body)));
  const nonce = {
    ...open,
    path: '/v1/gateways/{id}/certificate/nonce',
    summary: 'What a gateway signs to renew its certificate',
    params: gatewayParams,
    answers: { 200: { description: 'Good for five minutes, once.', body: nonceAnswerSchema } },
  } as const;
  addRoute(api, nonce, ({ params }) => secret(gateways.nonce(params.id)));
  const renew = {
    ...open,
    path: '/v1/gateways/{id}/certificate',
    summary: 'The next certificate of a gateway, proven by its key',
    params: gatewayParams,
    body: renewalRequestSchema,
    answers: { 200: { description: 'The certificate.', body: enrolAnswerSchema } },
    problems: ['CERTIFICATE_REJECTED'],
  } as const;
  addRoute(api, renew, async ({ params, body }) => secret(await gateways.renew(params.id, body)));
}

/** For one reader only: no cache on the way keeps it. */
function secret(body: object, status: 200 | 201 = 200): Response {
  const headers = { 'cache-control': 'no-store', 'content-type': 'application/json' };
  return new Response(JSON.stringify(body), { status, headers });
}
