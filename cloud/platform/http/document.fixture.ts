import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Api } from './api.ts';
import { openApiDocument } from './document.ts';

/** What a test sees of an OpenAPI document. */
// biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever is there.
export type Document = any;

export interface Seen {
  readonly method: string;
  /** As it was asked, without the query. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface AnswerCheck {
  /** What the answer does other than the document says; empty when it keeps to it. */
  breaches(seen: Seen): readonly string[];
}

/** Where a path is not in the document, its answers are nobody's contract. */
export function createAnswerCheck(document: Document): AnswerCheck {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  // Bytes of a Buffer, which JSON Schema does not know.
  ajv.addFormat('binary', true);
  ajv.addSchema(document, 'document');
  const validators = new Map<string, ValidateFunction>();
  const validatorOf = (pointer: string): ValidateFunction => {
    const known = validators.get(pointer) ?? ajv.compile({ $ref: `document#${pointer}` });
    validators.set(pointer, known);
    return known;
  };
  const templates = Object.keys(document.paths).map((path) => ({ path, matches: matcherOf(path) }));
  return {
    breaches(seen) {
      const method = seen.method.toLowerCase().replace('head', 'get');
      // A fixed path goes before one with parameters.
      const found = templates
        .filter(({ path, matches }) => matches.test(seen.path) && document.paths[path][method])
        .sort((a, b) => a.path.split('{').length - b.path.split('{').length)[0];
      if (!found) return [];
      const name = `${method.toUpperCase()} ${found.path} ${seen.status}`;
      const answer = document.paths[found.path][method].responses[seen.status];
      if (!answer) return [`${name}: this status is not in the document (${seen.text})`];
      const breaches = headerBreaches(answer, seen.headers);
      const type = (seen.headers.get('content-type') ?? '').split(';')[0]!;
      if (seen.text === '' && (!answer.content || seen.method === 'HEAD')) return named(breaches);
      // OpenAPI names a range where the answer is one of several types.
      const range = `${type.split('/')[0]}/*`;
      if (answer.content?.[range]) return named(breaches);
      if (!answer.content?.[type]) return named([...breaches, `content type ${type}`]);
      if (!/json$/.test(type)) return named(breaches);
      const steps = [
        'paths',
        found.path,
        method,
        'responses',
        String(seen.status),
        'content',
        type,
      ];
      const validate = validatorOf(`/${steps.map(pointerStep).join('/')}/schema`);
      if (validate(JSON.parse(seen.text))) return named(breaches);
      return named([...breaches, ...(validate.errors ?? []).map(errorText)]);

      function named(list: readonly string[]): string[] {
        return list.map((breach) => `${name}: ${breach}`);
      }
    },
  };
}

function headerBreaches(answer: Document, headers: Headers): string[] {
  const promised = Object.keys(answer.headers ?? {});
  const always = ['etag', 'location', 'www-authenticate'];
  return promised
    .filter((name) => always.includes(name.toLowerCase()) && !headers.has(name))
    .map((name) => `the header ${name} is missing`);
}

function errorText({ instancePath, message, params }: Document): string {
  return `${instancePath || '/'} ${message} ${JSON.stringify(params)}`;
}

function matcherOf(path: string): RegExp {
  const literal = path.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

/** RFC 6901 within a URI fragment. */
function pointerStep(step: string): string {
  return encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'));
}

/**
 * The app of a test, of which every answer is held against the document of its routes: a test that
 * asks through it fails where the two disagree. Mount it when all routes are added.
 */
export function checkedApp(api: Api): { fetch(request: Request): Promise<Response> } {
  let check: Promise<AnswerCheck> | undefined;
  return {
    async fetch(request) {
      check ??= openApiDocument(api.routes, 'test').then(createAnswerCheck);
      const response = await api.app.fetch(request);
      const { status, headers } = response;
      const path = new URL(request.url).pathname;
      const text = await response.clone().text();
      const breaches = (await check).breaches({
        method: request.method,
        path,
        status,
        headers,
        text,
      });
      if (breaches.length > 0) throw new Error(`not as documented:\n${breaches.join('\n')}`);
      return response;
    },
  };
}
