import { importsOf } from '../imports.ts';
import { type Layer, placeOf } from '../places.ts';
import type { SourceFile } from '../repository.ts';
import type { Rule, Violation } from '../rule.ts';
import { lineAt, nameOf, type SyntaxNode, walk } from '../syntax.ts';

/** Pure and synchronous: time, ids and randomness are arguments (architecture §2). */
const PURE_LAYERS: readonly Layer[] = ['contracts', 'lib', 'domain', 'service-domain'];
const SYNCHRONOUS_LAYERS: readonly Layer[] = ['lib', 'domain', 'service-domain'];
/** They compute and touch nothing. */
const PURE_MODULES = ['node:crypto', 'node:buffer', 'node:zlib', 'node:util', 'node:path'];
const PURE_PACKAGES = ['zod', '@bufbuild/protobuf'];

const WAY_OUT = 'keep this layer pure: let the caller do it and pass the result as an argument';

export const purity: Rule = {
  name: 'purity',
  check: (repository) =>
    repository.sources.flatMap((file) => {
      const layer = placeOf(file.path)?.layer;
      if (!layer || !PURE_LAYERS.includes(layer)) return [];
      const isSynchronous = SYNCHRONOUS_LAYERS.includes(layer);
      return [...impureImports(file), ...(isSynchronous ? promises(file) : [])];
    }),
};

function impureImports(file: SourceFile): Violation[] {
  return importsOf(file).flatMap(({ target, line }) => {
    if (target.kind === 'file') return [];
    const pure = target.kind === 'node' ? PURE_MODULES : PURE_PACKAGES;
    if (pure.includes(target.name)) return [];
    const message = `${target.name} in a layer that is pure`;
    return [{ path: file.path, line, message, wayOut: WAY_OUT }];
  });
}

function promises(file: SourceFile): Violation[] {
  const found: Violation[] = [];
  walk(file.syntax.program, (node) => {
    const what = promiseIn(node);
    const line = lineAt(file.text, node.start);
    const message = `${what} in a layer that is synchronous`;
    if (what) found.push({ path: file.path, line, message, wayOut: WAY_OUT });
    return undefined;
  });
  return found;
}

function promiseIn(node: SyntaxNode): string | undefined {
  if (node.type === 'AwaitExpression') return 'await';
  if (node.type === 'ImportExpression') return 'import()';
  if (node['async'] === true) return 'an async function';
  return node.type === 'Identifier' && nameOf(node) === 'Promise' ? 'Promise' : undefined;
}
