import { posix } from 'node:path';
import { mentionsOf } from '../imports.ts';
import { placeOf } from '../places.ts';
import type { Repository } from '../repository.ts';
import type { Rule } from '../rule.ts';
import { manifestsOf } from './manifests.ts';

const TEST_OR_CONFIG = /(\.test\.tsx?$)|((^|\/)[a-z-]+\.config\.(ts|mjs|js)$)/;
/** Files that start something by naming a source: pages, scripts, pipelines. */
const STARTER = /(\.html$)|(\.ya?ml$)|(\.sh$)|(^\.ci\/)|(turbo\.json$)/;
const SOURCE_WORD = /[\w./@-]+\.(?:tsx?|mts|mjs|jsx?)\b/g;

/** A source file that nothing starts, imports or tests. */
export const deadFiles: Rule = {
  name: 'dead-files',
  check: (repository) => {
    const alive = reach(repository, entryPoints(repository));
    return repository.sources
      .filter(({ path }) => !alive.has(path))
      .map(({ path }) => ({
        path,
        line: 1,
        message: 'nothing starts, imports or tests this file',
        wayOut: 'delete it, or import it where it is needed',
      }));
  },
};

function entryPoints(repository: Repository): string[] {
  const tests = repository.sources.filter(({ path }) => TEST_OR_CONFIG.test(path));
  const started = repository.paths
    .filter((path) => STARTER.test(path))
    .flatMap((path) => namedIn(repository.text(path) ?? '', posix.dirname(path), repository));
  const manifests = manifestsOf(repository).flatMap(({ folder, content }) => {
    const words = JSON.stringify([content.bin, content.scripts, content.exports]);
    return namedIn(words, folder, repository);
  });
  const commands = repository.sources.filter(({ path }) => isCommandOfTests(path));
  return [...tests, ...commands].map(({ path }) => path).concat(started, manifests);
}

/**
 * `test/<folder>/*.ts` that README, CONTRIBUTING or an error message tells people to run by `node
 * …`.
 */
function isCommandOfTests(path: string): boolean {
  return placeOf(path)?.layer === 'test' && /\/(export-[a-z]+|report)\.ts$/.test(path);
}

function namedIn(text: string, folder: string, repository: Repository): string[] {
  const words = text.match(SOURCE_WORD) ?? [];
  return words
    .flatMap((word) => [posix.join(folder, word.replace(/^\//, '')), posix.normalize(word)])
    .filter((path) => repository.has(path));
}

function reach(repository: Repository, entries: readonly string[]): Set<string> {
  const sources = new Map(repository.sources.map((file) => [file.path, file]));
  const alive = new Set<string>();
  const queue = [...entries];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const file = sources.get(path);
    if (!file || alive.has(path)) continue;
    alive.add(path);
    queue.push(...mentionsOf(file, repository));
  }
  return alive;
}
