import { posix } from 'node:path';
import { importsOf } from '../imports.ts';
import { placeOf } from '../places.ts';
import type { Repository, SourceFile } from '../repository.ts';
import type { Rule, Violation } from '../rule.ts';

type Versions = Readonly<Record<string, string>>;

interface Manifest {
  readonly path: string;
  readonly folder: string;
  readonly content: {
    readonly bin?: unknown;
    readonly scripts?: unknown;
    readonly exports?: unknown;
    readonly dependencies?: Versions;
    readonly devDependencies?: Versions;
    readonly optionalDependencies?: Versions;
    readonly peerDependencies?: Versions;
  };
}

const OWN = '@holdfast/';
const PINNED = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
export const GATEWAY_DEPENDENCIES_MAX = 15;

export function manifestsOf(repository: Repository): Manifest[] {
  return repository.paths.flatMap((path) => {
    if (posix.basename(path) !== 'package.json') return [];
    const content = JSON.parse(repository.text(path) ?? '{}') as Manifest['content'];
    return [{ path, folder: posix.dirname(path), content }];
  });
}

export const pinnedVersions: Rule = {
  name: 'pinned-versions',
  check: (repository) =>
    manifestsOf(repository).flatMap(({ path, content }) =>
      Object.entries(allOf(content)).flatMap(([name, version]) => {
        if (PINNED.test(version)) return [];
        const line = lineOf(repository.text(path)!, `"${name}"`);
        const message = `${name} is not pinned: "${version}"`;
        return [{ path, line, message, wayOut: 'write the exact version that the lock file has' }];
      }),
    ),
};

export const declaredPackages: Rule = {
  name: 'declared-packages',
  check: (repository) => {
    const manifests = manifestsOf(repository);
    return repository.sources.flatMap((file) => {
      const declared = declaredFor(file, manifests);
      return importsOf(file).flatMap(({ target, line, specifier }): Violation[] => {
        const name = target.kind === 'package' ? target.name : ownName(specifier);
        if (!name || declared.has(name)) return [];
        return [undeclared({ file, line, name })];
      });
    });
  },
};

/**
 * What the gateway's code imports directly, in `edge` and in the parts of `shared` that it reaches.
 */
export const gatewayDependencies: Rule = {
  name: 'gateway-dependencies',
  check: (repository) => {
    const edge = manifestsOf(repository).find(({ folder }) => folder === 'edge');
    if (!edge) return [];
    const names = Object.keys(edge.content.dependencies ?? {}).filter(
      (name) => !name.startsWith(OWN),
    );
    if (names.length <= GATEWAY_DEPENDENCIES_MAX) return [];
    const message = `${names.length} direct dependencies, at most ${GATEWAY_DEPENDENCIES_MAX}`;
    const wayOut = `do without one of: ${names.sort().join(', ')}`;
    return [{ path: edge.path, line: 1, message, wayOut }];
  },
};

/** Libraries that the gateway's process can load, for the report. */
export function gatewayLibraries(repository: Repository): string[] {
  const sources = new Map(repository.sources.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const names = new Set<string>();
  const queue = ['edge/main.ts'];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const file = sources.get(path);
    if (!file || seen.has(path)) continue;
    seen.add(path);
    for (const { target, isTypeOnly } of importsOf(file)) {
      if (target.kind === 'file') queue.push(target.path);
      if (target.kind === 'package' && !isTypeOnly) names.add(target.name);
    }
  }
  return [...names].sort();
}

function declaredFor(file: SourceFile, manifests: readonly Manifest[]): Set<string> {
  const root = manifests.find(({ folder }) => folder === '.');
  const own = manifests
    .filter(({ folder }) => folder !== '.' && file.path.startsWith(`${folder}/`))
    .sort((a, b) => b.folder.length - a.folder.length)[0];
  const names = new Set(own ? Object.keys(allOf(own.content)) : []);
  if (own) names.add(`${OWN}${own.folder}`);
  // Tools of the whole repository serve tests and what builds or starts it, never the product.
  const layer = placeOf(file.path)?.layer;
  const mayUseTools = !own || layer === 'test' || layer === 'infra';
  if (root && mayUseTools) for (const name of Object.keys(allOf(root.content))) names.add(name);
  return names;
}

function undeclared(found: { file: SourceFile; line: number; name: string }): Violation {
  const { file, line, name } = found;
  const folder = file.path.split('/')[0]!;
  const message = `${name} is not declared in ${folder}/package.json`;
  return { path: file.path, line, message, wayOut: 'declare it there, pinned' };
}

function ownName(specifier: string): string | undefined {
  if (!specifier.startsWith(OWN)) return undefined;
  return specifier.split('/').slice(0, 2).join('/');
}

function allOf(content: Manifest['content']): Versions {
  return {
    ...content.dependencies,
    ...content.devDependencies,
    ...content.optionalDependencies,
    ...content.peerDependencies,
  };
}

function lineOf(text: string, part: string): number {
  const index = text.split('\n').findIndex((line) => line.includes(part));
  return index + 1 || 1;
}
