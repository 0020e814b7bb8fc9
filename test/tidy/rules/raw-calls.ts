import { importsOf } from '../imports.ts';
import { adapterOf, isCommandLine, type Layer, placeOf } from '../places.ts';
import type { Repository, SourceFile } from '../repository.ts';
import type { Rule, Violation } from '../rule.ts';
import { isNode, lineAt, nameOf, type SyntaxNode, walk } from '../syntax.ts';

/** One thing of the outside world, how code reaches it raw, and how it should. */
interface RawKind {
  readonly name: string;
  /** `object.member`, read or called. */
  readonly members?: readonly string[];
  /** Global functions and classes, by any mention. */
  readonly globals?: readonly string[];
  readonly modules?: readonly string[];
  /** Named imports of modules that are otherwise fine. */
  readonly imports?: Readonly<Record<string, readonly string[]>>;
  readonly layers: readonly Layer[];
  readonly isAllowedIn?: (path: string) => boolean;
  readonly wayOut: string;
}

const OUTSIDE: readonly Layer[] = ['runtime', 'adapter', 'infra', 'test'];

const RAW: readonly RawKind[] = [
  {
    name: 'clock',
    members: ['Date.now', 'performance.now', 'performance.timeOrigin', 'process.hrtime'],
    layers: [...OUTSIDE, 'page'],
    wayOut: 'take a Clock (shared/runtime/clock.ts), or the time as an argument',
  },
  {
    name: 'timer',
    globals: ['setTimeout', 'setInterval', 'setImmediate', 'requestAnimationFrame'],
    modules: ['node:timers', 'node:timers/promises'],
    layers: [...OUTSIDE, 'page'],
    wayOut: 'take a Clock (shared/runtime/clock.ts): after, sleep, withDeadline',
  },
  {
    name: 'randomness',
    members: ['Math.random', 'crypto.randomUUID', 'crypto.getRandomValues'],
    imports: {
      'node:crypto': ['randomBytes', 'randomInt', 'randomUUID', 'randomFillSync', 'randomFill'],
    },
    layers: [...OUTSIDE, 'page'],
    wayOut: 'take a Random (shared/runtime/random.ts)',
  },
  {
    name: 'environment',
    members: ['process.env'],
    layers: ['runtime', 'infra', 'test'],
    isAllowedIn: isCommandLine,
    wayOut: 'take a setting (shared/runtime/config.ts); main.ts passes the environment to it',
  },
  {
    name: 'files',
    modules: ['node:fs', 'node:fs/promises'],
    layers: OUTSIDE,
    wayOut: 'use shared/runtime/files.ts, or a port',
  },
  {
    name: 'network',
    globals: ['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'],
    modules: ['net', 'tls', 'http', 'https', 'http2', 'dgram', 'dns', 'dns/promises'].map(
      (name) => `node:${name}`,
    ),
    layers: [...OUTSIDE, 'page'],
    wayOut: 'use shared/runtime (http-server, grpc, outbound), or a port',
  },
  {
    name: 'processes and threads',
    modules: ['node:child_process', 'node:worker_threads', 'node:cluster'],
    layers: OUTSIDE,
    wayOut: 'put it behind a port, in its adapter',
  },
  {
    name: 'console',
    members: ['log', 'info', 'warn', 'error', 'debug', 'trace', 'table', 'dir'].map(
      (name) => `console.${name}`,
    ),
    layers: ['infra', 'test'],
    isAllowedIn: isCommandLine,
    wayOut: 'log through the Logger, or return what a command prints to its cli.ts',
  },
];

export const rawCalls: Rule = {
  name: 'raw-calls',
  check: (repository) =>
    repository.sources.flatMap((file) => {
      const kinds = RAW.filter((kind) => !isAllowed(kind, file.path, repository));
      return kinds.length === 0 ? [] : [...rawImports(file, kinds), ...rawUses(file, kinds)];
    }),
};

function isAllowed(kind: RawKind, path: string, repository: Repository): boolean {
  if (kind.isAllowedIn?.(path)) return true;
  const layer = placeOf(path)?.layer;
  if (layer && kind.layers.includes(layer)) return true;
  return kind.layers.includes('adapter') && adapterOf(path, repository) !== undefined;
}

function rawImports(file: SourceFile, kinds: readonly RawKind[]): Violation[] {
  return importsOf(file).flatMap(({ target, line, isTypeOnly, names }) => {
    if (isTypeOnly || target.kind === 'file') return [];
    return kinds.flatMap((kind) => {
      const banned = kind.imports?.[target.name]?.filter((name) => names.includes(name)) ?? [];
      const isBanned = kind.modules?.includes(target.name);
      const found = isBanned ? [target.name] : banned.map((name) => `${name} of ${target.name}`);
      return found.map((what) => violation({ path: file.path, line, kind, what }));
    });
  });
}

function rawUses(file: SourceFile, kinds: readonly RawKind[]): Violation[] {
  const found: Violation[] = [];
  const declared = declaredNames(file.syntax.program);
  walk(file.syntax.program, (node, parents) => {
    if (isOnlyType(node)) return false;
    const what = usedName(node, parents);
    if (!what || declared.has(what.split('.')[0]!)) return undefined;
    const line = lineAt(file.text, node.start);
    for (const kind of kinds.filter((each) => names(each, what))) {
      found.push(violation({ path: file.path, line, kind, what }));
    }
    return undefined;
  });
  return found;
}

function names(kind: RawKind, what: string): boolean {
  if (what === NEW_DATE) return kind.name === 'clock';
  return Boolean(kind.members?.includes(what) || kind.globals?.includes(what));
}

const NEW_DATE = 'new Date()';
const GLOBAL_OBJECTS = new Set(['globalThis', 'global', 'window', 'self']);

/** `Date.now`, `new Date()`, `setTimeout`, also as `globalThis.setTimeout` or by destructuring. */
function usedName(node: SyntaxNode, parents: readonly SyntaxNode[]): string | undefined {
  const parent = parents.at(-1);
  if (node.type === 'MemberExpression') return memberName(node);
  if (node.type === 'Property' && parent?.type === 'ObjectPattern') {
    const source = parents.at(-2);
    const from = source?.type === 'VariableDeclarator' ? nameOf(source['init']) : undefined;
    return from && `${from}.${nameOf(node['key'])}`;
  }
  if (isDateNow(node)) return NEW_DATE;
  return node.type === 'Identifier' && parent && !isLabel(node, parent) ? nameOf(node) : undefined;
}

function memberName(node: SyntaxNode): string | undefined {
  const [object, property] = [node['object'], node['property']];
  const name = nameOf(property);
  if (!name || !isNode(object)) return undefined;
  const owner = object.type === 'MemberExpression' ? memberName(object) : nameOf(object);
  if (!owner) return undefined;
  return GLOBAL_OBJECTS.has(owner) ? name : `${owner}.${name}`;
}

function isDateNow(node: SyntaxNode): boolean {
  if (node.type !== 'NewExpression' && node.type !== 'CallExpression') return false;
  if (nameOf(node['callee']) !== 'Date') return false;
  // Date(…) without `new` ignores its arguments and gives the present time.
  return node.type === 'CallExpression' || (node['arguments'] as unknown[]).length === 0;
}

/** An identifier that names a member or a key is no use of the global of that name. */
function isLabel(node: SyntaxNode, parent: SyntaxNode): boolean {
  if (parent['computed'] === true) return false;
  if (parent.type === 'MemberExpression') return parent['property'] === node;
  if (parent.type === 'Property') return parent['key'] === node && parent['shorthand'] !== true;
  return parent.type.endsWith('Specifier') || parent['key'] === node;
}

function declaredNames(program: SyntaxNode): Set<string> {
  const declared = new Set<string>();
  walk(program, (node) => {
    if (node.type === 'VariableDeclarator' || node.type === 'FunctionDeclaration') add(node['id']);
    if (node.type.startsWith('Import') && isNode(node['local'])) add(node['local']);
    if (Array.isArray(node['params'])) node['params'].forEach(add);
    return undefined;
  });
  return declared;

  function add(value: unknown): void {
    const name = nameOf(value);
    if (name) declared.add(name);
  }
}

const TYPE_WRAPPERS = new Set([
  'TSAsExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
  'TSParameterProperty',
  'TSExportAssignment',
]);

function isOnlyType(node: SyntaxNode): boolean {
  return node.type.startsWith('TS') && !TYPE_WRAPPERS.has(node.type);
}

function violation(found: { path: string; line: number; kind: RawKind; what: string }): Violation {
  const { path, line, kind, what } = found;
  return { path, line, message: `raw ${kind.name}: ${what}`, wayOut: kind.wayOut };
}
