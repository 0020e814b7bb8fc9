import { ERROR_CODES, type ErrorCode } from '@holdfast/shared/contracts/error-codes.ts';
import { z } from 'zod';
import { jsonTypesOf } from './request-body.ts';
import { type Answer, problemsOf, type Route } from './route.ts';

type Registry = InstanceType<typeof import('@hono/zod-openapi').OpenAPIHono>['openAPIRegistry'];
type PathConfig = Parameters<Registry['registerPath']>[0];
type Json = Record<string, unknown>;

const SECURITY_SCHEME = 'accessToken';

const problemSchema = z.strictObject({
  type: z.string().meta({ description: 'urn:holdfast:error:<code>' }),
  title: z.string(),
  status: z.int(),
  code: z.string().meta({ description: 'One of docs/errors.md.' }),
  detail: z.string(),
  hint: z.string().optional(),
  instance: z.string().optional().meta({ description: 'urn:trace:<trace id>' }),
  errors: z
    .array(z.strictObject({ pointer: z.string(), detail: z.string() }))
    .optional()
    .meta({ description: 'JSON pointers (RFC 6901) into the body, or names of parameters.' }),
});

const HEADERS: Readonly<Record<string, string>> = {
  RateLimit: 'What is left of the budget, and the seconds until it is renewed.',
  'RateLimit-Policy': 'The budget (draft-ietf-httpapi-ratelimit-headers).',
  'Retry-After': 'Seconds until another attempt can help.',
  'WWW-Authenticate': 'Bearer (RFC 6750).',
  ETag: 'Strong; send it back as If-Match or If-None-Match.',
  Link: 'The next page, when there is one: `<…>; rel="next"`.',
  'Idempotent-Replayed': '`true` when this is the stored answer of an earlier request.',
};

/**
 * OpenAPI 3.1 of these routes, in an order of its own, so that two processes write the same. The
 * library is loaded here: a process that is never asked for its document does not hold it.
 */
export async function openApiDocument(routes: readonly Route[], version: string): Promise<Json> {
  const { OpenAPIHono } = await import('@hono/zod-openapi');
  const hono = new OpenAPIHono();
  const registry = hono.openAPIRegistry;
  registry.registerComponent('securitySchemes', SECURITY_SCHEME, {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token of POST /v1/auth/token, good for ten minutes.',
  });
  const { $schema: _, ...problem } = z.toJSONSchema(problemSchema);
  registry.registerComponent('schemas', 'Problem', problem as object);
  for (const [name, description] of Object.entries(HEADERS)) {
    registry.registerComponent('headers', name, { description, schema: { type: 'string' } });
  }
  const byName = (a: Route, b: Route): number => (nameOf(a) < nameOf(b) ? -1 : 1);
  for (const route of routes.toSorted(byName)) registry.registerPath(pathOf(route));
  const info = {
    title: 'Holdfast',
    version,
    description: 'Errors are problem documents (RFC 9457); times are RFC 3339 in UTC.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  };
  const tags = [...new Set(routes.map(({ tag }) => tag))].sort().map((name) => ({ name }));
  const document = hono.getOpenAPI31Document({ openapi: '3.1.0', info, tags }) as unknown as Json;
  const { webhooks: _none, ...rest } = repaired(document) as Json;
  return rest;
}

function nameOf({ path, method }: Route): string {
  return `${path} ${method}`;
}

function pathOf(route: Route): PathConfig {
  const { method, path, tag, summary, description, caller, params, query, headers } = route;
  const isPublic = caller === 'public';
  return {
    method,
    path,
    operationId: operationIdOf(route),
    tags: [tag],
    summary,
    ...(description && { description }),
    security: isPublic ? [] : [{ [SECURITY_SCHEME]: [] }],
    ...(!isPublic && { 'x-roles': [...caller] }),
    parameters: conventionalHeaders(route),
    request: {
      ...(params && { params }),
      ...(query && { query }),
      ...(headers && { headers }),
      ...bodyOf(route),
    },
    responses: { ...answersOf(route), ...problemAnswersOf(route) },
  } as unknown as PathConfig;
}

/** `GET /v1/orders/{id}/why` is getOrdersIdWhy. */
function operationIdOf({ method, path }: Route): string {
  const words = path.replace(/^\/v1/, '').split(/[^A-Za-z0-9]+/);
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  return method + words.map(capital).join('');
}

function conventionalHeaders({ creates, needsIfMatch, tagged, list }: Route): Json[] {
  const header = (name: string, description: string, required: boolean): Json => {
    return { name, in: 'header', required, description, schema: { type: 'string' } };
  };
  return [
    ...(creates
      ? [header('Idempotency-Key', 'Drawn for this request; the same to repeat it.', true)]
      : []),
    ...(needsIfMatch ? [header('If-Match', 'The ETag of what is changed.', true)] : []),
    ...(tagged || list ? [header('If-None-Match', 'The ETag of what is known.', false)] : []),
  ];
}

function bodyOf(route: Route): Json {
  const { body, upload } = route;
  if (upload) {
    const { bytesMax } = upload;
    const schema = { type: 'string', format: 'binary', maxLength: bytesMax };
    const content = Object.fromEntries(upload.mediaTypes.map((type) => [type, { schema }]));
    return { body: { required: true, content } };
  }
  if (!body) return {};
  const content = Object.fromEntries(jsonTypesOf(route).map((type) => [type, { schema: body }]));
  return { body: { required: true, content } };
}

function answersOf(route: Route): Json {
  const answers: Json = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    answers[status] = {
      description: answer.description,
      headers: { ...headersOf(route, status), ...ownHeaders(answer) },
      ...contentOf(answer),
    };
  }
  if (route.tagged || route.list) {
    answers['304'] = { description: 'As If-None-Match says.', headers: headersOf(route, '304') };
  }
  return answers;
}

function contentOf({ body, mediaType = 'application/json' }: Answer): Json {
  if (body) return { content: { [mediaType]: { schema: body } } };
  if (mediaType === 'application/json') return {};
  return { content: { [mediaType]: { schema: { type: 'string', format: 'binary' } } } };
}

const referTo = (...names: readonly string[]): Json =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

function headersOf(route: Route, status: string): Json {
  const { list, tagged, needsIfMatch, creates } = route;
  // What was deleted has no tag any more.
  const isTagged = list || tagged || (needsIfMatch && status !== '204');
  return {
    ...referTo('RateLimit', 'RateLimit-Policy'),
    ...(list ? referTo('Link') : {}),
    ...(isTagged ? referTo('ETag') : {}),
    ...(creates ? referTo('Idempotent-Replayed') : {}),
  };
}

function ownHeaders({ headers = {} }: Answer): Json {
  const described = Object.entries(headers).map(([name, description]) => {
    return [name, { description, schema: { type: 'string' } }];
  });
  return Object.fromEntries(described);
}

function problemAnswersOf(route: Route): Json {
  const byStatus = Map.groupBy(problemsOf(route), (code) => ERROR_CODES[code].status);
  const answers: Json = {};
  for (const [status, codes] of byStatus) {
    answers[status] = {
      description: codes.map((code) => `${code}: ${ERROR_CODES[code].title}.`).join(' '),
      headers: {
        ...referTo('RateLimit', 'RateLimit-Policy'),
        ...(status === 401 ? referTo('WWW-Authenticate') : {}),
        ...(codes.some((code) => ERROR_CODES[code].retry === 'later')
          ? referTo('Retry-After')
          : {}),
      },
      content: { 'application/problem+json': { schema: problemOf(codes) } },
    };
  }
  return answers;
}

function problemOf(codes: readonly ErrorCode[]): Json {
  const own = { type: 'object', properties: { code: { enum: [...codes].sort() } } };
  return { allOf: [{ $ref: '#/components/schemas/Problem' }, own] };
}

/** The library writes a nullable reference so that null does not fit. */
function repaired(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(repaired);
  if (typeof value !== 'object' || value === null) return value;
  const { allOf } = value as { allOf?: readonly Json[] };
  const [reference, nullable] = allOf ?? [];
  if (reference?.['$ref'] && Array.isArray(nullable?.['type']) && allOf?.length === 2) {
    return { anyOf: [reference, { type: 'null' }] };
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, repaired(inner)]));
}
