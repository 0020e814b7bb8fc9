import { posix } from 'node:path';
import type { Repository, SourceFile } from './repository.ts';
import { isNode, lineAt, type SyntaxNode, stringOf, walk } from './syntax.ts';

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `import()`: loaded when it is reached, not when the file is. */
  readonly isLazy: boolean;
  /** Erased before it runs. */
  readonly isTypeOnly: boolean;
  /** Imported names, as the exporting file calls them. */
  readonly names: readonly string[];
  readonly target: Target;
}

export type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'package'; readonly name: string }
  | { readonly kind: 'node'; readonly name: string };

const WORKSPACE = /^@holdfast\/([^/]+)(?:\/(.+))?$/;
const known = new WeakMap<SourceFile, readonly Import[]>();

/** Every import of a file: static, lazy, re-exports, types, and `vi.mock`. */
export function importsOf(file: SourceFile): readonly Import[] {
  const before = known.get(file);
  if (before) return before;
  const found: Import[] = [];
  walk(file.syntax.program, (node) => {
    const reference = referenceOf(node);
    if (!reference) return undefined;
    const line = lineAt(file.text, node.start);
    found.push({ ...reference, line, target: targetOf(file.path, reference.specifier) });
    return undefined;
  });
  known.set(file, found);
  return found;
}

/**
 * Files that a file names by import, worker URL or path in a string: what keeps them from being
 * dead.
 */
export function mentionsOf(file: SourceFile, repository: Repository): Set<string> {
  const paths = new Set<string>();
  for (const { target } of importsOf(file)) if (target.kind === 'file') paths.add(target.path);
  walk(file.syntax.program, (node) => {
    const text = stringOf(node);
    if (!text?.includes('.')) return undefined;
    for (const path of [join(posix.dirname(file.path), text), join('.', text)]) {
      if (repository.has(path)) paths.add(path);
    }
    return undefined;
  });
  return paths;
}

export function targetOf(from: string, specifier: string): Target {
  const plain = specifier.replace(/[?#].*$/, '');
  if (plain.startsWith('node:')) return { kind: 'node', name: plain };
  if (plain.startsWith('.')) return { kind: 'file', path: join(posix.dirname(from), plain) };
  const workspace = WORKSPACE.exec(plain);
  if (workspace) return { kind: 'file', path: join(workspace[1]!, workspace[2] ?? '') };
  const parts = plain.split('/');
  return { kind: 'package', name: parts.slice(0, plain.startsWith('@') ? 2 : 1).join('/') };
}

type Reference = Pick<Import, 'specifier' | 'isLazy' | 'isTypeOnly' | 'names'>;

function referenceOf(node: SyntaxNode): Reference | undefined {
  const lazy = node.type === 'ImportExpression' || isMock(node);
  const source = isMock(node) ? (node['arguments'] as unknown[])[0] : node['source'];
  const specifier = stringOf(source);
  if (specifier === undefined) return undefined;
  const isTypeOnly = node.type === 'TSImportType' || isErased(node);
  return { specifier, isLazy: lazy, isTypeOnly, names: namesOf(node) };
}

function isMock(node: SyntaxNode): boolean {
  if (node.type !== 'CallExpression' || !isNode(node['callee'])) return false;
  const { object, property } = node['callee'];
  return nameIs(object, 'vi') && (nameIs(property, 'mock') || nameIs(property, 'doMock'));
}

function isErased(node: SyntaxNode): boolean {
  const kind = node['importKind'] ?? node['exportKind'];
  const specifiers = specifiersOf(node);
  if (kind === 'type') return true;
  const isType = (each: SyntaxNode): boolean =>
    (each['importKind'] ?? each['exportKind']) === 'type';
  return specifiers.length > 0 && specifiers.every(isType);
}

function namesOf(node: SyntaxNode): string[] {
  return specifiersOf(node).flatMap((each) => {
    const name = each['imported'] ?? each['local'];
    return isNode(name) && typeof name['name'] === 'string' ? [name['name']] : [];
  });
}

function specifiersOf(node: SyntaxNode): SyntaxNode[] {
  const specifiers = node['specifiers'];
  return Array.isArray(specifiers) ? specifiers.filter(isNode) : [];
}

function nameIs(value: unknown, name: string): boolean {
  return isNode(value) && value['name'] === name;
}

function join(...parts: string[]): string {
  return posix.normalize(posix.join(...parts));
}
