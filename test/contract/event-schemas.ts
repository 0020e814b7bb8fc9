import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventEnvelopeSchema } from '@holdfast/shared/contracts/event-envelope.ts';
import { EVENTS } from '@holdfast/shared/contracts/events.ts';
import { z } from 'zod';
import { breakingChanges, type JsonSchema } from './schema-compatibility.ts';

const PROTO_FOLDER = fileURLToPath(new URL('../../proto', import.meta.url));
export const EXPORT_FOLDER = join(PROTO_FOLDER, 'events');
/** What was last accepted: every export after it has to get along with it. */
export const BASELINE_FOLDER = join(PROTO_FOLDER, 'baseline', 'events');

const SUFFIX = '.schema.json';

/** Text of each exported file by its name, as the code says it now. */
export function exportedSchemas(): Map<string, string> {
  const files = new Map([
    [`cloudevents-envelope${SUFFIX}`, fileOf('envelope', eventEnvelopeSchema)],
  ]);
  for (const [type, { data }] of Object.entries(EVENTS)) {
    files.set(`${type}${SUFFIX}`, fileOf(type, data));
  }
  return files;
}

export function readSchemas(folder: string): Map<string, string> {
  const names = readdirSync(folder).filter((name) => name.endsWith(SUFFIX));
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/**
 * What in `after` breaks who relies on `before`; names file and place. A schema that is gone is a
 * break, too.
 */
export function breakingExports(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  return [...before].flatMap(([name, text]) => {
    const next = after.get(name);
    if (next === undefined) return [`${name}: the event type was removed`];
    return breakingChanges(parse(text), parse(next), `${name}#`);
  });
}

function fileOf(type: string, schema: z.ZodType): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12' });
  return `${JSON.stringify({ $schema, $id: `urn:holdfast:event:${type}`, ...rest }, null, 2)}\n`;
}

function parse(text: string): JsonSchema {
  return JSON.parse(text) as JsonSchema;
}
