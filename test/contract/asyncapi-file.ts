import { loadConfig } from '@holdfast/shared/runtime/config.ts';
import { z } from 'zod';
import { inProto } from './proto-file.ts';
import { breakingChanges, type JsonSchema } from './schema-compatibility.ts';

/** Written by hand. */
export const ASYNCAPI_FILE = inProto('asyncapi.yaml');
/** What was last accepted: every change after it has to get along with it. */
export const ASYNCAPI_BASELINE = inProto('baseline/asyncapi.yaml');

const SCHEMA_REF = '#/components/schemas/';
const schema = z.record(z.string(), z.unknown());
const documentSchema = z.looseObject({
  channels: z.record(z.string(), z.looseObject({ address: z.string() })),
  components: z.looseObject({
    schemas: z.record(z.string(), schema),
    messages: z.record(z.string(), z.looseObject({ payload: schema })),
  }),
});

export type AsyncApi = z.infer<typeof documentSchema>;

export function readAsyncApi(file: string): AsyncApi {
  return loadConfig(documentSchema, { file, env: {} });
}

/** What in `after` breaks a client that relies on `before`: each names its frame and the place. */
export function breakingFrames(before: AsyncApi, after: AsyncApi): string[] {
  const [old, now] = [framesOf(before), framesOf(after)];
  const addresses = old.addresses.filter((address) => !now.addresses.includes(address));
  const frames = [...old.frames].flatMap(([name, payload]) => {
    const next = now.frames.get(name);
    return next ? breakingChanges(payload, next, `${name}#`) : [`${name}: the frame was removed`];
  });
  return [...addresses.map((address) => `${address}: the channel was removed`), ...frames];
}

function framesOf({ channels, components }: AsyncApi) {
  const { schemas, messages } = components;
  const frames = Object.entries(messages).map(
    ([name, { payload }]) => [name, inlined(payload, schemas) as JsonSchema] as const,
  );
  const addresses = Object.values(channels).map(({ address }) => address);
  return { addresses, frames: new Map(frames) };
}

/** With each reference replaced by what it names. */
function inlined(value: unknown, schemas: Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(value)) return value.map((each) => inlined(each, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const ref = '$ref' in value ? String(value.$ref) : undefined;
  if (ref?.startsWith(SCHEMA_REF)) return inlined(schemas[ref.slice(SCHEMA_REF.length)], schemas);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, inlined(each, schemas)]),
  );
}
