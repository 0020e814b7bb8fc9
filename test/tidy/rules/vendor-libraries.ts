import { importsOf } from '../imports.ts';
import { adapterOf, placeOf } from '../places.ts';
import type { Repository, SourceFile } from '../repository.ts';
import type { Rule } from '../rule.ts';

const PACKAGES_MAX = 1;

/** An adapter binds its port to one vendor library; what its port file speaks of does not count. */
export const vendorLibraries: Rule = {
  name: 'vendor-libraries',
  check: (repository) =>
    repository.sources.flatMap((file) => {
      if (placeOf(file.path)?.layer !== 'adapter') return [];
      const port = adapterOf(file.path, repository)?.port;
      const ofPort = new Set(port ? packagesOf(repository, port) : []);
      const vendors = packagesIn(file).filter((name) => !ofPort.has(name));
      if (vendors.length <= PACKAGES_MAX) return [];
      const message = `an adapter with ${vendors.length} vendor libraries: ${vendors.join(', ')}`;
      const wayOut = 'one adapter speaks to one technology; split it or move the rest into runtime';
      return [{ path: file.path, line: 1, message, wayOut }];
    }),
};

function packagesOf(repository: Repository, path: string): string[] {
  const file = repository.sources.find((each) => each.path === path);
  return file ? packagesIn(file) : [];
}

function packagesIn(file: SourceFile): string[] {
  const names = importsOf(file).flatMap(({ target }) =>
    target.kind === 'package' ? [target.name] : [],
  );
  return [...new Set(names)];
}
