import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { AppError } from '../lib/app-error.ts';

export const ENV_PREFIX = 'HOLDFAST_';
const UNKNOWN = 'there is no such setting';

export interface ConfigSources {
  /** A YAML file; optional. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Tree = { [key: string]: unknown };

/**
 * Settings from a YAML file, overlaid by the environment: `HOLDFAST_MQTT_PORT` is `mqtt.port`. An
 * unknown or wrong setting is CONFIG_INVALID and names the setting with its file and line, or its
 * variable.
 */
export function loadConfig<S extends z.ZodObject>(schema: S, sources: ConfigSources): z.output<S> {
  const file = sources.file === undefined ? emptyFile() : readYaml(sources.file);
  const fromEnv = overlay(schema, file.tree, sources.env);
  const parsed = schema.safeParse(file.tree);
  const problems = unknownVariables(schema, sources.env).map((name) => `${name}: ${UNKNOWN}`);
  if (parsed.success && problems.length === 0) return parsed.data;
  for (const issue of parsed.error?.issues ?? []) {
    for (const setting of settingsOf(issue)) {
      const origin = fromEnv.get(setting) ?? file.lineOf(setting);
      problems.push(`${setting}${origin ? ` (${origin})` : ''}: ${explain(issue)}`);
    }
  }
  throw new AppError('CONFIG_INVALID', `wrong settings:\n  ${problems.join('\n  ')}`, {
    hint: 'correct or remove the setting; --print-config shows every setting with its value',
  });
}

/** The settings as YAML, what is secret replaced by ***. */
export function printConfig(config: unknown): string {
  return stringify(config, (key, value: unknown) =>
    typeof key === 'string' &&
    /password|secret|token|privatekey/i.test(key) &&
    typeof value === 'string'
      ? '***'
      : value,
  );
}

interface YamlFile {
  readonly tree: Tree;
  lineOf(setting: string): string | undefined;
}

function emptyFile(): YamlFile {
  return { tree: {}, lineOf: () => undefined };
}

function readYaml(path: string): YamlFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `cannot read the config file ${path}`, {
      cause,
      hint: 'check the path given by --config',
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error) {
    throw new AppError('CONFIG_INVALID', `${path} is not valid YAML: ${error.message}`, {
      hint: 'a setting is written `name: value`, nested by two spaces',
    });
  }
  if (document.contents !== null && !isMap(document.contents)) {
    throw new AppError(
      'CONFIG_INVALID',
      `${path} must hold settings (name: value), not a list or text`,
    );
  }
  return {
    tree: (document.toJS() as Tree | null) ?? {},
    lineOf(setting) {
      const node = document.getIn(setting.split('.'), true);
      const range = isScalar(node) || isMap(node) ? node.range : undefined;
      return range ? `${path} line ${lines.linePos(range[0]).line}` : `${path}`;
    },
  };
}

/** Writes the environment's values into the tree and returns which variable gave which setting. */
function overlay(
  schema: z.ZodObject,
  tree: Tree,
  env: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const settings = new Map(leavesOf(schema).map((path) => [variableOf(path), path]));
  const origins = new Map<string, string>();
  for (const [variable, path] of settings) {
    const text = env[variable];
    if (text === undefined) continue;
    setIn(tree, path, scalarOf(text));
    origins.set(path.join('.'), variable);
  }
  return origins;
}

/**
 * Variables that begin like one of the schema's sections and name no setting of it. Others may be
 * meant for another program of this house.
 */
function unknownVariables(
  schema: z.ZodObject,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const known = new Set(leavesOf(schema).map(variableOf));
  const sections = Object.entries(schema.shape)
    .filter(([, field]) => unwrap(field as z.ZodType) instanceof z.ZodObject)
    .map(([name]) => `${variableOf([name])}_`);
  return Object.keys(env).filter(
    (name) => !known.has(name) && sections.some((section) => name.startsWith(section)),
  );
}

export function variableOf(path: readonly string[]): string {
  const parts = path.map((part) => part.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase());
  return ENV_PREFIX + parts.join('_');
}

/** The paths of all settings that are not objects themselves. */
function leavesOf(schema: z.ZodObject, path: string[] = []): string[][] {
  return Object.entries(schema.shape).flatMap(([name, field]) => {
    const inner = unwrap(field as z.ZodType);
    const here = [...path, name];
    return inner instanceof z.ZodObject ? leavesOf(inner, here) : [here];
  });
}

function unwrap(field: z.ZodType): z.ZodType {
  let inner = field;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable
  ) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

/** YAML's own reading of a variable's text, so that numbers, booleans and lists can be given. */
function scalarOf(text: string): unknown {
  if (text === '') return '';
  const document = parseDocument(text);
  return document.errors.length > 0 ? text : document.toJS();
}

function setIn(tree: Tree, path: readonly string[], value: unknown): void {
  let at = tree;
  for (const part of path.slice(0, -1)) {
    const next = at[part];
    if (typeof next !== 'object' || next === null) at[part] = {};
    at = at[part] as Tree;
  }
  at[path.at(-1)!] = value;
}

type Issue = z.core.$ZodIssue;

function settingsOf(issue: Issue): string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => [...path, key].join('.'));
  return [path.join('.') || '(whole file)'];
}

function explain(issue: Issue): string {
  return issue.code === 'unrecognized_keys' ? UNKNOWN : issue.message;
}
