import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, type Syntax } from './syntax.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const CODE = /\.(ts|tsx|mts|js|mjs|jsx)$/;
const TEXT = /\.(ts|tsx|mts|js|mjs|jsx|json|md|ya?ml|toml|proto|css|html|svg|sh|sql|csv|rego)$/;
/** Data, not sources: read by nobody who looks for layers or lengths. */
const DATA = /^(package-lock\.json|proto\/baseline\/.*|firmware-sim\/recordings\/.*)$/;

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly syntax: Syntax;
}

/** What the rules look at: the tracked files and those that will be, never what git ignores. */
export interface Repository {
  /** With forward slashes, relative to the root, sorted. */
  readonly paths: readonly string[];
  readonly sources: readonly SourceFile[];
  text(path: string): string | undefined;
  /** True for generated files, too. */
  has(path: string): boolean;
}

export function readRepository(): Repository {
  const paths = listFiles().filter((path) => existsSync(join(ROOT, path)));
  const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
  const texts = paths.filter((path) => isText(path)).map((path) => [path, read(path)] as const);
  return repositoryOf(new Map(texts), {
    paths,
    has: (path) => existsSync(join(ROOT, path)),
  });
}

/** A repository of these texts only, as planted violations use it. */
export function repositoryOf(
  texts: ReadonlyMap<string, string>,
  outside: Partial<Pick<Repository, 'paths' | 'has'>> = {},
): Repository {
  const sources = [...texts]
    .filter(([path]) => CODE.test(path) && !DATA.test(path))
    .map(([path, text]) => sourceOf(path, text));
  return {
    paths: outside.paths ?? [...texts.keys()].sort(),
    sources,
    text: (path) => texts.get(path),
    has: outside.has ?? ((path) => texts.has(path)),
  };
}

function sourceOf(path: string, text: string): SourceFile {
  return { path, text, lines: text.split(/\r?\n/), syntax: parse(path, text) };
}

function isText(path: string): boolean {
  return TEXT.test(path) || path.startsWith('.ci/');
}

function listFiles(): string[] {
  const words = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const output = execFileSync('git', words, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 << 20 });
  return [...new Set(output.split('\0').filter((path) => path !== ''))].sort();
}
