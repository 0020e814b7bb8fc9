import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createAnswerCheck,
  type Document,
} from '@holdfast/cloud/platform/http/document.fixture.ts';
import { afterAll, describe, expect, it } from 'vitest';
import { whyNoGoTool } from '../../infra/local/stack/go-tool.ts';
import { breakingOpenApi, OASDIFF, OPENAPI_BASELINE, OPENAPI_FILE } from './openapi-file.ts';
import { readText } from './proto-file.ts';
import { conventionBreaches } from './rest-conventions.ts';

const REFRESH = 'run: node test/contract/export-openapi.ts';
const reason = whyNoGoTool(OASDIFF);
/** The tool is built once, at the first run on a machine. */
const BUILD_MS = 600_000;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-openapi-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The present document, changed. */
function planted(change: (document: Document) => void): Document {
  const document = JSON.parse(readText(OPENAPI_FILE)!);
  change(document);
  return document;
}

const devices = (document: Document): Document => document.paths['/v1/devices'].get;

describe(`breaks of proto/openapi.json${reason ? ` (skipped: ${reason})` : ''}`, () => {
  it.skipIf(reason)(
    'are none for who relies on the accepted one',
    { timeout: BUILD_MS },
    async () => {
      expect(await breakingOpenApi(OPENAPI_BASELINE, OPENAPI_FILE), 'add beside the old').toEqual(
        [],
      );
    },
  );

  const BREAKS: readonly { name: string; change: (document: Document) => void; says: RegExp }[] = [
    {
      name: 'a removed path',
      change: (document) => delete document.paths['/v1/devices'],
      says: /GET \/v1\/devices: .*removed/,
    },
    {
      name: 'a removed field of an answer',
      change: ({ components: { schemas } }) => {
        delete schemas.Device.properties.metricCount;
        schemas.Device.required = schemas.Device.required.filter(
          (name: string) => name !== 'metricCount',
        );
      },
      says: /GET \/v1\/devices: .*metricCount/,
    },
    {
      name: 'a parameter that is newly required',
      change: (document) => {
        devices(document).parameters.find((each: Document) => each.name === 'site').required = true;
      },
      says: /GET \/v1\/devices: .*site/,
    },
    {
      name: 'a field of a body that is newly required',
      change: ({ paths }) => {
        const { content } = paths['/v1/gateways/claims'].post.requestBody;
        content['application/json'].schema.required.push('name');
      },
      says: /POST \/v1\/gateways\/claims: .*name/,
    },
  ];
  it.skipIf(reason).each(BREAKS)(
    '$name is found',
    { timeout: BUILD_MS },
    async ({ change, says }) => {
      const file = join(folder, 'planted.json');
      writeFileSync(file, JSON.stringify(planted(change)));
      expect((await breakingOpenApi(OPENAPI_FILE, file)).join('\n')).toMatch(says);
    },
  );

  it('are not hidden: all is in the baseline', () => {
    const isCurrent = readText(OPENAPI_BASELINE) === readText(OPENAPI_FILE);
    expect(isCurrent, `proto/baseline/openapi.json is behind; ${REFRESH}`).toBe(true);
  });
});

describe('the check of conventions', () => {
  const parameter = (document: Document, name: string): Document =>
    devices(document).parameters.find((each: Document) => each.name === name);
  const BREACHES: readonly { name: string; change: (document: Document) => void; says: RegExp }[] =
    [
      {
        name: 'a route that became public',
        change: (document) => {
          devices(document).security = [];
        },
        says: /GET \/v1\/devices: is public/,
      },
      {
        name: 'a list without a cursor',
        change: (document) => {
          parameter(document, 'cursor').name = 'page';
        },
        says: /GET \/v1\/devices: takes no cursor/,
      },
      {
        name: 'pages that are too large',
        change: (document) => {
          parameter(document, 'limit').schema.maximum = 1_000;
        },
        says: /GET \/v1\/devices: limit is larger/,
      },
      {
        name: 'a problem that is none',
        change: (document) => {
          devices(document).responses['400'].content = { 'application/json': {} };
        },
        says: /400 is no problem document/,
      },
      {
        name: 'answers without the budget',
        change: (document) => {
          delete devices(document).responses['200'].headers.RateLimit;
        },
        says: /200 has no RateLimit/,
      },
      {
        name: 'a POST that creates without a key',
        change: ({ paths }) => {
          paths['/v1/things'] = { post: paths['/v1/gateways/claims'].post };
        },
        says: /POST \/v1\/things: creates without Idempotency-Key/,
      },
      {
        name: 'a change without If-Match',
        change: ({ paths }) => {
          paths['/v1/things'] = { put: paths['/v1/gateways/claims'].post };
        },
        says: /PUT \/v1\/things: changes without If-Match/,
      },
      {
        name: 'a body that takes anything',
        change: ({ paths }) => {
          const { content } = paths['/v1/gateways/claims'].post.requestBody;
          delete content['application/json'].schema.additionalProperties;
        },
        says: /body takes unknown fields/,
      },
      {
        name: 'money as a fraction, a time as a number of words, an id as a number',
        change: ({ components: { schemas } }) => {
          schemas.Planted = {
            type: 'object',
            properties: {
              price: { type: 'number' },
              paidAt: { type: 'string' },
              orderId: { type: 'integer' },
            },
          };
        },
        says: /price is money[\s\S]*Planted.paidAt is a time[\s\S]*Planted.orderId is an id/,
      },
    ];
  it.each(BREACHES)('finds $name', ({ change, says }) => {
    expect(conventionBreaches(planted(change)).join('\n')).toMatch(says);
  });
});

describe('the check of answers', () => {
  const check = createAnswerCheck(JSON.parse(readText(OPENAPI_FILE)!));
  const page = { items: [], next_cursor: null };
  const headers = new Headers({ 'content-type': 'application/json', etag: '"a"' });
  const breaches = (changes: object): string =>
    check
      .breaches({
        method: 'GET',
        path: '/v1/devices',
        status: 200,
        headers,
        text: JSON.stringify(page),
        ...changes,
      })
      .join('\n');

  it('takes what is documented, and finds each thing that is not', () => {
    expect(breaches({})).toBe('');
    expect(breaches({ status: 418 })).toMatch(/418: this status is not in the document/);
    expect(breaches({ text: '{"items":[]}' })).toMatch(/next_cursor/);
    expect(breaches({ text: JSON.stringify({ ...page, total: 1 }) })).toMatch(/total/);
    const plain = new Headers({ 'content-type': 'text/plain', etag: '"a"' });
    expect(breaches({ headers: plain })).toMatch(/content type text\/plain/);
    const untagged = new Headers({ 'content-type': 'application/json' });
    expect(breaches({ headers: untagged })).toMatch(/ETag is missing/);
    const problem = { type: 'x', title: 'x', status: 400, code: 'NOT_FOUND', detail: 'x' };
    const type = new Headers({ 'content-type': 'application/problem+json' });
    const text = JSON.stringify(problem);
    expect(breaches({ status: 400, headers: type, text })).toMatch(/\/code must be equal/);
  });
});
