/** The part of JSON Schema (draft 2020-12) that zod writes for events. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly [keyword: string]: unknown;
}

type Check = (before: JsonSchema, after: JsonSchema, at: string) => readonly string[];

/**
 * A greater value of the first ones, or a smaller one of the others, refuses what was valid before.
 */
const LOWER_BOUNDS = ['minLength', 'minItems', 'minimum', 'exclusiveMinimum'];
const UPPER_BOUNDS = ['maxLength', 'maxItems', 'maximum', 'exclusiveMaximum'];
const FORMS = ['const', 'pattern', 'format', 'multipleOf', 'uniqueItems'];

/**
 * What breaks somebody who writes or reads by `before`: each with a JSON pointer to the place.
 * Empty when `after` only adds. Events outlive the process that wrote them, so both directions
 * count: what was valid stays valid, and what a reader could rely on stays there.
 */
export const breakingChanges: Check = (before, after, at) => [
  ...typeChanges(before, after, at),
  ...propertyChanges(before, after, at),
  ...enumChanges(before, after, at),
  ...boundChanges(before, after, at),
  ...formChanges(before, after, at),
  ...elementChanges(before, after, at),
];

const typeChanges: Check = (before, after, at) => {
  const [old, now] = [String(before.type ?? 'any'), String(after.type ?? 'any')];
  if (old !== now) return [`${at}: type ${old} became ${now}`];
  const closed = before.additionalProperties !== false && after.additionalProperties === false;
  return closed && before.properties ? [`${at}: further properties are no longer allowed`] : [];
};

const propertyChanges: Check = (before, after, at) => {
  const found: string[] = [];
  for (const [name, schema] of Object.entries(before.properties ?? {})) {
    const pointer = `${at}/${name}`;
    const next = after.properties?.[name];
    if (!next) found.push(`${pointer}: field was removed`);
    else found.push(...breakingChanges(schema, next, pointer));
  }
  for (const name of after.required ?? []) {
    if (!before.required?.includes(name)) found.push(`${at}/${name}: field is newly required`);
  }
  for (const name of before.required ?? []) {
    const isStillThere = after.properties?.[name] && !after.required?.includes(name);
    if (isStillThere) found.push(`${at}/${name}: field was required and is now optional`);
  }
  return found;
};

const enumChanges: Check = (before, after, at) => {
  if (!after.enum) return [];
  if (!before.enum) return [`${at}: any value was allowed, now only an enum`];
  const gone = before.enum.filter((value) => !after.enum?.includes(value));
  return gone.map((value) => `${at}: enum lost ${JSON.stringify(value)}`);
};

const boundChanges: Check = (before, after, at) => {
  const narrowed = (name: string, isTighter: (old: number, now: number) => boolean): string[] => {
    const [old, now] = [before[name], after[name]];
    if (typeof now !== 'number') return [];
    if (typeof old === 'number' && !isTighter(old, now)) return [];
    return [`${at}: ${name} ${String(old ?? 'unset')} became ${now}`];
  };
  return [
    ...LOWER_BOUNDS.flatMap((name) => narrowed(name, (old, now) => now > old)),
    ...UPPER_BOUNDS.flatMap((name) => narrowed(name, (old, now) => now < old)),
  ];
};

const formChanges: Check = (before, after, at) =>
  FORMS.filter((name) => after[name] !== undefined && after[name] !== before[name]).map(
    (name) => `${at}: ${name} ${String(before[name] ?? 'unset')} became ${String(after[name])}`,
  );

const elementChanges: Check = (before, after, at) => {
  const found: string[] = [];
  if (before.items && after.items)
    found.push(...breakingChanges(before.items, after.items, `${at}/*`));
  if (!before.items && after.items) found.push(`${at}: items are newly restricted`);
  if (JSON.stringify(before.anyOf) !== JSON.stringify(after.anyOf)) {
    found.push(...alternativeChanges(before, after, at));
  }
  return found;
};

const alternativeChanges: Check = (before, after, at) => {
  const fits = (old: JsonSchema): boolean =>
    (after.anyOf ?? []).some((now) => breakingChanges(old, now, at).length === 0);
  if (!before.anyOf) return [`${at}: became a choice of alternatives`];
  return before.anyOf.every(fits) ? [] : [`${at}: an alternative was removed or narrowed`];
};
