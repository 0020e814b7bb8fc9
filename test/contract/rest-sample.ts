import type { Document } from '@holdfast/cloud/platform/http/document.fixture.ts';
import { resolved } from './rest-conventions.ts';

/** For patterns of which no generic text is an example. */
const BY_PATTERN: readonly { readonly pattern: RegExp; readonly sample: string }[] = [
  { pattern: /^\^\[A-Z\]\{3\}\$$/, sample: 'EUR' },
  { pattern: /^\^\[A-Z\]\{2\}\$$/, sample: 'NL' },
];
const UUID = '01890a5d-ac96-774b-bcce-b302099a8057';
const BY_FORMAT: Readonly<Record<string, string>> = {
  'date-time': '2026-01-01T00:00:00Z',
  email: 'somebody@example.com',
  uri: 'https://example.com',
  uuid: UUID,
  date: '2026-01-01',
};

/** A value that fits the schema, as small as it can be: what is required and nothing else. */
export function sampleOf(given: Document, document: Document): unknown {
  const schema = resolved(given, document) ?? {};
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return sampleOf(alternatives[0], document);
  if (schema.allOf)
    return Object.assign({}, ...schema.allOf.map((each: Document) => sampleOf(each, document)));
  switch ([schema.type].flat()[0]) {
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((name: string) => [
          name,
          sampleOf(schema.properties[name], document),
        ]),
      );
    case 'array': {
      const length = Math.max(schema.minItems ?? 0, 1);
      return Array.from({ length }, () => sampleOf(schema.items, document));
    }
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 1, (schema.exclusiveMinimum ?? 0) + 1);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return textOf(schema);
  }
}

/** Patterns such as `^ord_[0-9a-f-]{36}$` are ids: their prefix, and one that nothing has. */
function textOf({ pattern, format, minLength = 1 }: Document): string {
  if (format && BY_FORMAT[format]) return BY_FORMAT[format];
  if (pattern) {
    const known = BY_PATTERN.find((each) => each.pattern.test(pattern));
    const prefix = /^\^([a-z]+_)/.exec(pattern)?.[1];
    const candidates = [known?.sample, `${prefix}${UUID}`, 'a', 'A1', '1', 'aaaaaaaa', 'AAAAAAAA'];
    const fitting = candidates.find((text) => text !== undefined && new RegExp(pattern).test(text));
    if (fitting === undefined) throw new Error(`no example of ${pattern}; add one to BY_PATTERN`);
    return fitting;
  }
  return 'a'.repeat(Math.max(1, minLength));
}
