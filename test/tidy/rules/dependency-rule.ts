import { posix } from 'node:path';
import { type Import, importsOf } from '../imports.ts';
import { adapterOf, type Layer, type Place, placeOf } from '../places.ts';
import type { Repository, SourceFile } from '../repository.ts';
import type { Rule, Violation } from '../rule.ts';

/** `own` stands for the same service or port. */
type Allowed = Layer | `own ${Layer}`;

const PURE: readonly Allowed[] = ['contracts', 'lib'];
const SHARED: readonly Allowed[] = ['contracts', 'lib', 'domain', 'runtime'];
const OWN_CORE: readonly Allowed[] = ['own service-domain', 'own service-store'];
const SERVICE: readonly Allowed[] = [
  ...OWN_CORE,
  'own service-routes',
  'own service-events',
  'port',
  'outbox',
  'http',
  'service-shape',
  ...SHARED,
];
const CLOUD: readonly Allowed[] = [
  'cloud',
  'cloud-wiring',
  'targets',
  'service',
  'service-shape',
  'port',
  'http',
  ...SHARED,
];

/** The table of architecture §2, row by row: what a file in the layer may import. */
const MAY_IMPORT: Readonly<Record<Exclude<Layer, 'test' | 'proto'>, readonly Allowed[]>> = {
  contracts: ['contracts'],
  lib: PURE,
  domain: [...PURE, 'domain'],
  runtime: SHARED,
  ui: [...PURE, 'domain', 'ui'],
  page: [...PURE, 'domain', 'page'],
  port: [...SHARED, 'port'],
  'port-part': [...SHARED, 'own port', 'own port-part'],
  outbox: [...SHARED, 'port', 'outbox', 'http'],
  http: [...SHARED, 'port', 'http'],
  adapter: [...SHARED, 'own port', 'own port-part', 'own adapter'],
  'service-domain': [...PURE, 'domain', 'own service-domain'],
  'service-store': [...OWN_CORE, ...SHARED, 'port', 'outbox', 'http'],
  'service-routes': SERVICE,
  'service-events': SERVICE,
  service: [...SERVICE, 'own service', 'page'],
  'service-shape': [...SHARED, 'port', 'http'],
  targets: ['targets'],
  'cloud-wiring': [...CLOUD, 'adapter', 'port-part', 'outbox'],
  cloud: CLOUD,
  edge: [...SHARED, 'port', 'edge', 'adapter', 'port-part'],
  'firmware-sim': [...PURE, 'runtime', 'firmware-sim'],
  infra: [...PURE, 'targets', 'infra'],
};

const SQL_PORT = 'sql';

export const dependencyRule: Rule = {
  name: 'dependency-rule',
  check: (repository) =>
    repository.sources.flatMap((file) =>
      importsOf(file).flatMap((each) => judge(file, each, repository)),
    ),
};

function judge(file: SourceFile, each: Import, repository: Repository): Violation[] {
  if (each.target.kind !== 'file') return [];
  const from = placeOf(file.path);
  if (!from) return [placeless(file.path)];
  if (from.layer === 'test' || from.layer === 'proto') return [];
  const to = placeOf(each.target.path);
  const path = file.path;
  const at = { path, line: each.line };
  if (!to || !allows(from, to)) {
    return [
      {
        ...at,
        message: `${from.layer} may not import ${each.target.path} (${to?.layer ?? 'no layer'})`,
        wayOut: wayOut(from, to),
      },
    ];
  }
  return [...technologyOutsideWiring(file, each, repository), ...crossings(file, each)];
}

function allows(from: Place, to: Place): boolean {
  if (from.layer === 'test' || from.layer === 'proto') return true;
  const may = MAY_IMPORT[from.layer];
  if (from.layer === 'service-store' && to.layer === 'port') return to.name === SQL_PORT;
  if (may.includes(to.layer)) return true;
  return may.includes(`own ${to.layer}`) && from.name === to.name;
}

/** Only wiring names technologies; an adapter's own port may load it, for example in a worker. */
function technologyOutsideWiring(
  { path }: SourceFile,
  { target, line, isLazy, isTypeOnly }: Import,
  repository: Repository,
): Violation[] {
  const adapter = target.kind === 'file' ? adapterOf(target.path, repository) : undefined;
  if (!adapter || target.kind !== 'file') return [];
  const at = { path, line };
  const isCloudWiring = placeOf(path)?.layer === 'cloud-wiring';
  if (isCloudWiring && !isLazy && !isTypeOnly) {
    const message = `${target.path} is loaded even when it is not chosen`;
    return [{ ...at, message, wayOut: 'load it with await import() where it is chosen' }];
  }
  const isWiring = isCloudWiring || posix.basename(path) === 'wiring.ts';
  const isOwn = path === adapter.port || adapterOf(path, repository)?.family === adapter.family;
  if (isWiring || isOwn) return [];
  const message = `${target.path} names a technology outside wiring.ts`;
  return [{ ...at, message, wayOut: `import ${adapter.port ?? 'the port'}; wiring.ts chooses` }];
}

/** Packages are entered by their name, never by a path that climbs out of one into another. */
function crossings({ path }: SourceFile, { specifier, target, line }: Import): Violation[] {
  if (target.kind !== 'file' || !specifier.startsWith('.')) return [];
  const [from, to] = [path.split('/')[0], target.path.split('/')[0]];
  if (from === to) return [];
  const message = 'a path leads into another package';
  return [{ path, line, message, wayOut: `import @holdfast/${target.path}` }];
}

function placeless(path: string): Violation {
  const message = 'no layer of the architecture holds this file';
  return { path, line: 1, message, wayOut: 'move it into one of the folders of architecture §2' };
}

function wayOut(from: Place, to: Place | undefined): string {
  if (to?.layer === 'test') return 'tests import, and are never imported';
  if (to?.layer === 'adapter') return 'import the port file and let wiring.ts choose the adapter';
  const isOther = from.name && to?.name && from.name !== to.name;
  if (isOther && from.layer.startsWith('service') && to.layer.startsWith('service')) {
    return 'services speak through gRPC or events; what both need belongs in shared';
  }
  const may = from.layer === 'test' || from.layer === 'proto' ? [] : MAY_IMPORT[from.layer];
  return `allowed from here: ${may.join(', ')}`;
}
