import type { Document } from '@holdfast/cloud/platform/http/document.fixture.ts';

/**
 * Whatever somebody may call without a token. A route that becomes public by mistake is found here.
 */
export const PUBLIC: readonly string[] = [
  'GET /.well-known/jwks.json',
  'POST /v1/auth/token',
  'POST /v1/auth/refresh',
  'POST /v1/auth/sign-out',
  'POST /v1/auth/register',
  // Their credentials are in the body, as a user's are.
  'POST /v1/auth/client-token',
  'POST /v1/auth/service-token',
  'POST /v1/gateways/enroll',
  'POST /v1/gateways/{id}/certificate/nonce',
  'POST /v1/gateways/{id}/certificate',
];

/** What keeps to another convention than the table's, and why. */
export const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'GET /v1/devices/{id}/readings': {
    limit: 'a chart needs thousands of readings; they are small and bounded at 10,000',
  },
  'POST /v1/auth/clients': {
    creates: 'its answer holds a secret that is kept only as a hash; each call makes another one',
  },
  'POST /v1/users': {
    creates: 'the name is unique; a key would keep a fast hash of the password for a day',
  },
  'POST /v1/gateways/claims': {
    creates: 'its answer holds a secret that is kept only as a hash; each call draws another code',
  },
  'POST /v1/auth/register': {
    creates: 'nobody is known yet whose key it could be; the same registration twice is one user',
  },
  'POST /v1/orders/{id}/cancel': {
    creates: 'it creates nothing, and to cancel twice is to cancel once',
  },
};

export interface Operation {
  /** `GET /v1/orders/{id}`. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly definition: Document;
}

export function operationsOf(document: Document): readonly Operation[] {
  return Object.entries<Document>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Document>(methods).map(([method, definition]) => {
      return { name: `${method.toUpperCase()} ${path}`, method, path, definition };
    }),
  );
}

/** Every breach of the conventions (architecture §9), each naming its operation. */
export function conventionBreaches(document: Document): readonly string[] {
  const operations = operationsOf(document);
  const ids = operations.map(({ definition }) => definition.operationId);
  return [
    ...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id} is used twice`),
    ...operations.flatMap((operation) =>
      CHECKS.flatMap(({ topic, check }) => {
        if (EXCEPTIONS[operation.name]?.[topic]) return [];
        return check(operation, document).map((breach) => `${operation.name}: ${breach}`);
      }),
    ),
    ...Object.entries(document.components.schemas).flatMap(([name, schema]) =>
      fieldBreaches(schema, name),
    ),
  ];
}

type Check = (operation: Operation, document: Document) => readonly string[];

const CHECKS: readonly { readonly topic: string; readonly check: Check }[] = [
  { topic: 'words', check: wordBreaches },
  { topic: 'security', check: securityBreaches },
  { topic: 'problems', check: problemBreaches },
  { topic: 'limits', check: rateBreaches },
  { topic: 'creates', check: createBreaches },
  { topic: 'concurrency', check: concurrencyBreaches },
  { topic: 'limit', check: limitBreaches },
  { topic: 'list', check: listBreaches },
  { topic: 'bodies', check: bodyBreaches },
];

function wordBreaches({ definition }: Operation): string[] {
  const missing = ['summary', 'operationId', 'tags'].filter((name) => !definition[name]?.length);
  return missing.map((name) => `${name} is missing`);
}

function securityBreaches({ name, definition }: Operation): string[] {
  const isPublic = definition.security?.length === 0;
  if (isPublic !== PUBLIC.includes(name)) {
    return [isPublic ? 'is public, and not in the list of those' : 'is in the list of public ones'];
  }
  return isPublic || definition['x-roles']?.length ? [] : ['names no role'];
}

function problemBreaches({ method, path, definition }: Operation): string[] {
  const needed = ['400', '429', '500', '503', '504'];
  if (definition.security?.length) needed.push('401', '403');
  if (method !== 'get') needed.push('413', '415');
  if (path.includes('{')) needed.push('404');
  const missing = needed.filter((status) => !definition.responses[status]);
  const wrong = Object.entries<Document>(definition.responses).filter(
    ([status, answer]) => Number(status) >= 400 && !answer.content?.['application/problem+json'],
  );
  return [
    ...missing.map((status) => `answers no ${status}`),
    ...wrong.map(([status]) => `${status} is no problem document`),
  ];
}

function rateBreaches({ definition }: Operation): string[] {
  return Object.entries<Document>(definition.responses).flatMap(([status, { headers }]) => {
    const needed = ['RateLimit', 'RateLimit-Policy'];
    if (status === '429' || status === '503') needed.push('Retry-After');
    return needed.filter((name) => !headers?.[name]).map((name) => `${status} has no ${name}`);
  });
}

/** A POST that answers 201 or 202 creates. */
function createBreaches({ method, definition }: Operation): string[] {
  const { responses } = definition;
  const created = responses['201'] ?? responses['202'];
  if (method !== 'post' || !created) return [];
  return [
    ...(requires(definition, 'Idempotency-Key') ? [] : ['creates without Idempotency-Key']),
    ...['409', '422']
      .filter((status) => !responses[status])
      .map((status) => `answers no ${status}`),
    ...(created.headers?.['Idempotent-Replayed'] ? [] : ['has no Idempotent-Replayed']),
    ...(/\blocation\b/i.test(Object.keys(created.headers ?? {}).join(' '))
      ? []
      : ['creates without Location']),
  ];
}

function concurrencyBreaches({ method, definition }: Operation): string[] {
  if (!['put', 'patch', 'delete'].includes(method)) return [];
  const missing = ['412', '428'].filter((status) => !definition.responses[status]);
  return [
    ...(requires(definition, 'If-Match') ? [] : ['changes without If-Match']),
    ...missing.map((status) => `answers no ${status}`),
  ];
}

function requires({ parameters = [] }: Document, header: string): boolean {
  return parameters.some((each: Document) => each.name === header && each.required === true);
}

function limitBreaches({ definition }: Operation): string[] {
  const limit = definition.parameters?.find((each: Document) => each.name === 'limit');
  return limit && !(limit.schema.maximum <= 100) ? ['limit is larger than 100'] : [];
}

/** What answers `items` is a list, and a list has pages. */
function listBreaches({ definition }: Operation, document: Document): string[] {
  const answer = definition.responses['200'];
  const schema = resolved(answer?.content?.['application/json']?.schema, document);
  if (!schema?.properties?.items) return [];
  const names = (definition.parameters ?? []).map((each: Document) => each.name);
  return [
    ...['limit', 'cursor']
      .filter((name) => !names.includes(name))
      .map((name) => `takes no ${name}`),
    ...(schema.required?.includes('next_cursor') ? [] : ['has no next_cursor']),
    ...['Link', 'ETag'].filter((name) => !answer.headers?.[name]).map((name) => `has no ${name}`),
  ];
}

/** What is sent is closed: an unknown field is told, not ignored. */
function bodyBreaches({ definition }: Operation, document: Document): string[] {
  const contents = Object.values<Document>(definition.requestBody?.content ?? {});
  return contents.flatMap(({ schema }) => openObjects(schema, document, 'body'));
}

function openObjects(given: Document, document: Document, at: string): string[] {
  const schema = resolved(given, document);
  if (!schema) return [];
  const own =
    schema.type === 'object' && schema.properties && schema.additionalProperties !== false;
  const inner = Object.entries<Document>(schema.properties ?? {}).flatMap(([name, field]) =>
    openObjects(field, document, `${at}/${name}`),
  );
  const items = schema.items ? openObjects(schema.items, document, `${at}/*`) : [];
  return [...(own ? [`${at} takes unknown fields`] : []), ...inner, ...items];
}

export function resolved(schema: Document, document: Document): Document {
  const reference = schema?.$ref as string | undefined;
  return reference ? document.components.schemas[reference.split('/').at(-1)!] : schema;
}

const TIME_NAME = /(At|Until|Seen|[tT]ime)$/;

/** Names say what a field is: ids are texts, times RFC 3339, money whole minor units. */
function fieldBreaches(schema: Document, at: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own = Object.entries<Document>(schema.properties ?? {}).flatMap(([name, field]) => {
    const place = `${at}.${name}`;
    const breaches = fieldBreaches(field, place);
    const types = [field.type].flat().filter((type) => type !== 'null' && type !== undefined);
    if (/(^id|Id)$/.test(name) && types.some((type) => type !== 'string')) {
      breaches.push(`${place} is an id, and no text`);
    }
    if (TIME_NAME.test(name) && types.includes('string') && field.format !== 'date-time') {
      breaches.push(`${place} is a time, and not RFC 3339`);
    }
    if (/minorUnits$/i.test(name) && !types.includes('integer')) {
      breaches.push(`${place} is money, and not whole minor units`);
    }
    if (/^(price|amount|total)$/.test(name) && types.includes('number')) {
      breaches.push(`${place} is money, and a fraction`);
    }
    return breaches;
  });
  const money = schema.properties?.minorUnits && !schema.properties.currency;
  const nested = ['items', 'anyOf', 'oneOf', 'allOf', 'additionalProperties'].flatMap((key) =>
    [schema[key]].flat().flatMap((inner) => fieldBreaches(inner, at)),
  );
  return [...own, ...(money ? [`${at} has minor units of no currency`] : []), ...nested];
}
