import {
  type AnswerCheck,
  createAnswerCheck,
} from '@holdfast/cloud/platform/http/document.fixture.ts';
import { type Principal, ROLES, type Role } from '@holdfast/shared/contracts/roles.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPENAPI_FILE, textOf } from './openapi-file.ts';
import { readText } from './proto-file.ts';
import { openRestCloud, type RestCloud } from './rest-cloud.ts';
import {
  conventionBreaches,
  EXCEPTIONS,
  type Operation,
  operationsOf,
  PUBLIC,
} from './rest-conventions.ts';
import { sampleOf } from './rest-sample.ts';

let cloud: RestCloud;
let check: AnswerCheck;
let secured: readonly Operation[];
beforeAll(async () => {
  cloud = await openRestCloud();
  check = createAnswerCheck(cloud.document);
  secured = operationsOf(cloud.document).filter(({ definition }) => definition.security.length > 0);
});
afterAll(() => cloud?.close());

interface Sent {
  readonly token?: string;
  readonly body?: unknown;
  readonly query?: string;
}

/** Asks an operation properly in all but what `sent` says; its answer is held to the document. */
async function ask({ method, path, definition }: Operation, sent: Sent = {}) {
  const parameters = definition.parameters ?? [];
  const required = parameters.filter((each: { required: boolean }) => each.required);
  const valuesIn = (place: string) =>
    required
      .filter((each: { in: string }) => each.in === place)
      .map((each: { name: string; schema: unknown }) => {
        return [each.name, String(sampleOf(each.schema, cloud.document))] as const;
      });
  const params = new Map<string, string>(valuesIn('path'));
  const target = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(params.get(name)!));
  const query = new URLSearchParams(valuesIn('query'));
  const [type, content] =
    Object.entries<{ schema: unknown }>(definition.requestBody?.content ?? {})[0] ?? [];
  const isJson = type === 'application/json';
  const sample = content && isJson ? sampleOf(content.schema, cloud.document) : undefined;
  const body = sent.body ?? sample;
  const response = await fetch(`${cloud.url}${target}?${query}${sent.query ?? ''}`, {
    method: method.toUpperCase(),
    headers: {
      ...Object.fromEntries(valuesIn('header')),
      ...(type ? { 'content-type': type } : {}),
      ...(sent.token === undefined ? {} : { authorization: `Bearer ${sent.token}` }),
    },
    ...(type ? { body: isJson ? JSON.stringify(body) : 'a' } : {}),
  });
  const text = await response.text();
  const { status, headers } = response;
  const seen = { method: method.toUpperCase(), path: target, status, headers, text };
  expect(check.breaches(seen)).toEqual([]);
  const isProblem = headers.get('content-type') === 'application/problem+json';
  return { status, headers, problem: isProblem ? JSON.parse(text) : undefined };
}

const pointersIn = (problem?: { errors?: { pointer: string }[] }): string[] =>
  (problem?.errors ?? []).map(({ pointer }) => pointer);

const told = ({ status, problem }: { status: number; problem?: { code: string } }): string =>
  `${status} ${problem?.code ?? ''}`.trim();

/** The answer of each operation, those that are as they should be left out. */
async function othersThan(
  expected: RegExp,
  call: (each: Operation) => Promise<string>,
  among = secured,
) {
  const answers: string[] = [];
  for (const each of among) {
    const answer = await call(each);
    if (!expected.test(answer)) answers.push(`${each.name}: ${answer}`);
  }
  return answers;
}

function principalOf(roles: readonly Role[], changes: Partial<Principal> = {}): Principal {
  return { subject: 'usr_foreign', tenant: 'other', sites: ['*'], roles, ...changes };
}

describe('the document', () => {
  it('is the one in proto/openapi.json', () => {
    const isCurrent = readText(OPENAPI_FILE) === textOf(cloud.document);
    expect(isCurrent, 'stale; run: node test/contract/export-openapi.ts').toBe(true);
  });

  it('keeps the conventions on every route', () => {
    expect(conventionBreaches(cloud.document)).toEqual([]);
  });

  it('names no exception and no public path that is not there', () => {
    const names = operationsOf(cloud.document).map(({ name }) => name);
    expect([...Object.keys(EXCEPTIONS), ...PUBLIC].filter((name) => !names.includes(name))).toEqual(
      [],
    );
  });

  it('is served with its page, which loads nothing from elsewhere', async () => {
    const page = await fetch(`${cloud.url}/docs`);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    const html = await page.text();
    expect(html).not.toMatch(/<script>|onload=|https?:/);
    const sources = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source!);
    expect(sources).toHaveLength(4);
    for (const source of [...sources, '/openapi.json']) {
      const file = await fetch(`${cloud.url}${source}`);
      expect([source, file.status, (await file.arrayBuffer()).byteLength > 100]).toEqual([
        source,
        200,
        true,
      ]);
      const etag = file.headers.get('etag')!;
      const again = await fetch(`${cloud.url}${source}`, { headers: { 'if-none-match': etag } });
      expect(again.status).toBe(304);
    }
  });
});

describe('every route, really called', () => {
  it('wants a token', async () => {
    expect(await othersThan(/^401 TOKEN_MISSING$/, async (each) => told(await ask(each)))).toEqual(
      [],
    );
  });

  it('takes no forged, expired or foreign token', async () => {
    const administrator = principalOf(ROLES);
    const tokens = {
      forged: await cloud.tokenOf(administrator, { forged: true }),
      expired: await cloud.tokenOf(administrator, { issuedMsAgo: 3_600_000 }),
      'for another audience': await cloud.tokenOf(administrator, { audience: 'holdfast-internal' }),
    };
    for (const [name, token] of Object.entries(tokens)) {
      const others = await othersThan(/^401 TOKEN_INVALID$/, async (each) =>
        told(await ask(each, { token })),
      );
      expect(others, name).toEqual([]);
    }
  });

  it('wants one of its roles', async () => {
    const others = await othersThan(/^403 FORBIDDEN$/, async (each) => {
      const wrong = ROLES.filter((role) => !each.definition['x-roles'].includes(role));
      if (wrong.length === 0) return '403 FORBIDDEN';
      return told(await ask(each, { token: await cloud.tokenOf(principalOf(wrong)) }));
    });
    expect(others).toEqual([]);
  });

  it('shows nothing for an id of somebody else (I10)', async () => {
    const withId = secured.filter(({ path }) => path.includes('{'));
    const others = await othersThan(
      /^(404 NOT_FOUND|403 FORBIDDEN)$/,
      async (each) => {
        const roles = each.definition['x-roles'] as readonly Role[];
        const answers = await Promise.all(
          roles.map(async (role) => {
            return told(await ask(each, { token: await cloud.tokenOf(principalOf([role])) }));
          }),
        );
        return [...new Set(answers)].sort().at(-1)!;
      },
      withId,
    );
    expect(others).toEqual([]);
  });

  it('names a parameter and a field that it does not know', async () => {
    const all = operationsOf(cloud.document);
    const tokens = new Map<string, string>();
    for (const role of ROLES) tokens.set(role, await cloud.tokenOf(principalOf([role])));
    const tokenOf = ({ definition }: Operation) => tokens.get(definition['x-roles']?.[0]);
    const call = (each: Operation, sent: Sent) => {
      const token = tokenOf(each);
      return ask(each, token === undefined ? sent : { ...sent, token });
    };
    const pointersOf = ({ status, problem }: Awaited<ReturnType<typeof ask>>): string =>
      `${status} ${pointersIn(problem).join()}`;
    const unknown = await othersThan(
      /^400 \/unknownName$/,
      async (each) => pointersOf(await call(each, { query: '&unknownName=1' })),
      all,
    );
    expect(unknown).toEqual([]);
    const withBody = all.filter(
      ({ definition }) => definition.requestBody?.content['application/json'],
    );
    const fields = await othersThan(
      /^400 (\S+,)?\/unknownName$/,
      async (each) => {
        const { schema } = each.definition.requestBody.content['application/json'];
        const body = { ...(sampleOf(schema, cloud.document) as object), unknownName: 1 };
        return pointersOf(await call(each, { body }));
      },
      withBody,
    );
    expect(fields).toEqual([]);
  });

  it('tells a wrong method from a wrong path', async () => {
    const response = await fetch(`${cloud.url}/.well-known/jwks.json`, { method: 'DELETE' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'HEAD, GET']);
  });
});
