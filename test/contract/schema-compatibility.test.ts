import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { breakingChanges, type JsonSchema } from './schema-compatibility.ts';

const BEFORE = z.strictObject({
  id: z.string().max(64),
  reason: z.enum(['closed', 'lost']),
  count: z.int().min(0),
  note: z.string().optional(),
  lanes: z.array(z.strictObject({ lane: z.string() })),
});

const BREAKS: readonly { name: string; after: z.ZodType; says: RegExp }[] = [
  {
    name: 'a removed field',
    after: BEFORE.omit({ note: true }),
    says: /\/note: field was removed/,
  },
  {
    name: 'a removed required field',
    after: BEFORE.omit({ id: true }),
    says: /\/id: field was removed/,
  },
  {
    name: 'a new required field',
    after: BEFORE.extend({ site: z.string() }),
    says: /\/site: field is newly required/,
  },
  {
    name: 'an optional field that becomes required',
    after: BEFORE.extend({ note: z.string() }),
    says: /\/note: field is newly required/,
  },
  {
    name: 'a required field that becomes optional',
    after: BEFORE.partial({ id: true }),
    says: /\/id: field was required and is now optional/,
  },
  {
    name: 'another type',
    after: BEFORE.extend({ count: z.string() }),
    says: /\/count: type integer became string/,
  },
  {
    name: 'a narrowed enum',
    after: BEFORE.extend({ reason: z.enum(['closed']) }),
    says: /\/reason: enum lost "lost"/,
  },
  {
    name: 'a string that becomes an enum',
    after: BEFORE.extend({ id: z.enum(['a']) }),
    says: /\/id: any value was allowed, now only an enum/,
  },
  {
    name: 'a lower limit',
    after: BEFORE.extend({ id: z.string().max(32) }),
    says: /\/id: maxLength 64 became 32/,
  },
  {
    name: 'a new pattern',
    after: BEFORE.extend({ id: z.string().max(64).regex(/^a/) }),
    says: /\/id: pattern unset became \^a/,
  },
  {
    name: 'a field removed deep inside',
    after: BEFORE.extend({ lanes: z.array(z.strictObject({})) }),
    says: /\/lanes\/\*\/lane: field was removed/,
  },
];

describe('breaking changes', () => {
  it.each(BREAKS)('finds $name', ({ after, says }) => {
    expect(compare(after).join('\n')).toMatch(says);
  });

  it('accepts a new optional field, a wider enum and a higher limit', () => {
    const after = BEFORE.extend({
      site: z.string().optional(),
      reason: z.enum(['closed', 'lost', 'replaced']),
      id: z.string().max(128),
    });
    expect(compare(after)).toEqual([]);
  });

  it('finds a removed alternative and accepts a new one', () => {
    const [scan, weight] = [
      z.strictObject({ code: z.string() }),
      z.strictObject({ gram: z.int() }),
    ];
    const both = schemaOf(z.union([scan, weight]));
    const one = schemaOf(z.union([scan]));
    expect(breakingChanges(both, one, '#')).toEqual(['#: an alternative was removed or narrowed']);
    expect(breakingChanges(one, both, '#')).toEqual([]);
  });
});

function compare(after: z.ZodType): readonly string[] {
  return breakingChanges(schemaOf(BEFORE), schemaOf(after), '');
}

function schemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema) as JsonSchema;
}
