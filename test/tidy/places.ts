import { posix } from 'node:path';
import type { Repository } from './repository.ts';

/** Where a file lives, as the dependency rule sees it (architecture §2). */
export interface Place {
  readonly layer: Layer;
  /** The port or the service, where the layer has one. */
  readonly name?: string;
}

export const LAYERS = [
  'contracts',
  'lib',
  'domain',
  'runtime',
  'ui',
  'port',
  'port-part',
  'outbox',
  'http',
  'adapter',
  'service-domain',
  'service-store',
  'service-routes',
  'service-events',
  'service',
  'service-shape',
  'targets',
  'cloud-wiring',
  'cloud',
  'page',
  'edge',
  'firmware-sim',
  'infra',
  'proto',
  'test',
] as const;
export type Layer = (typeof LAYERS)[number];

/** `.fixture.ts` is what tests beside it share; `.case.` is a port suite and what it starts. */
const TEST =
  /(^test\/)|(\.(test|fixture)\.tsx?$)|(\.case\.([a-z-]+\.)?ts$)|((^|\/)vite(st)?\.config\.ts$)/;

const PLACES: readonly { readonly path: RegExp; readonly layer: Layer }[] = [
  { path: TEST, layer: 'test' },
  { path: /(^shared\/ui\/)|(^(cloud|edge)\/.*\/ui\/)/, layer: 'page' },
  { path: /^shared\/contracts\//, layer: 'contracts' },
  { path: /^shared\/lib\//, layer: 'lib' },
  { path: /^shared\/domain\//, layer: 'domain' },
  { path: /^shared\/runtime\//, layer: 'runtime' },
  // Outbox and inbox stand in a service's own tables: built on ports, without a technology of their
  // own.
  { path: /^cloud\/platform\/outbox\//, layer: 'outbox' },
  // Channels over the event log, with their route; who defines one sees the port file only.
  { path: /^cloud\/platform\/websocket\/(?!websocket\.ts$)/, layer: 'outbox' },
  // So do the conventions of HTTP.
  { path: /^cloud\/platform\/http\//, layer: 'http' },
  { path: /^(?:shared|cloud)\/platform\/([^/]+)\/\1\.ts$/, layer: 'port' },
  // How the port's users write a query that is built once: theirs as much as the port itself.
  { path: /^shared\/platform\/(sql)\/statement\.ts$/, layer: 'port' },
  { path: /^(?:shared|cloud)\/platform\/([^/]+)\/\1\.[^/]+\.ts$/, layer: 'adapter' },
  { path: /^(?:shared|cloud)\/platform\/([^/]+)\//, layer: 'port-part' },
  { path: /^cloud\/targets\.ts$/, layer: 'targets' },
  { path: /^cloud\/service\.ts$/, layer: 'service-shape' },
  { path: /^cloud\/wiring(\/.*|\.ts)$/, layer: 'cloud-wiring' },
  { path: /^cloud\/([^/]+)\/domain\//, layer: 'service-domain' },
  { path: /^cloud\/([^/]+)\/store\//, layer: 'service-store' },
  { path: /^cloud\/([^/]+)\/routes\//, layer: 'service-routes' },
  { path: /^cloud\/([^/]+)\/events\//, layer: 'service-events' },
  { path: /^cloud\/([^/]+)\//, layer: 'service' },
  { path: /^cloud\/[^/]+$/, layer: 'cloud' },
  { path: /^edge\//, layer: 'edge' },
  { path: /^firmware-sim\//, layer: 'firmware-sim' },
  { path: /^infra\//, layer: 'infra' },
  { path: /^proto\//, layer: 'proto' },
];

export function placeOf(path: string): Place | undefined {
  for (const { path: pattern, layer } of PLACES) {
    const match = pattern.exec(path);
    if (match) return match[1] && layer !== 'test' ? { layer, name: match[1] } : { layer };
  }
  return undefined;
}

const ADAPTER = /^([a-z0-9-]+)\.([a-z0-9-]+)((?:\.[a-z0-9-]+)*)\.tsx?$/;
const NO_TECHNOLOGY = new Set(['test', 'fixture', 'case', 'module', 'config', 'd', 'worker']);
/**
 * Technologies by name: a part of an adapter (`buffer-file.sqlite.ts`) has no port file of its own
 * name.
 */
const TECHNOLOGIES = new Set(
  'sqlite postgres kafka redis rabbitmq cassandra vault memory file folder s3 wasm opa soap'.split(
    ' ',
  ),
);

export interface Adapter {
  /** The folder and the technology: parts of one adapter may use each other. */
  readonly family: string;
  /** The port's file (`buffer.sqlite.ts` → `buffer.ts`), where there is one of that name. */
  readonly port: string | undefined;
}

/**
 * What a file named `<noun>.<technology>.ts` binds to, anywhere in the repository; undefined for
 * others.
 */
export function adapterOf(path: string, repository: Repository): Adapter | undefined {
  const match = ADAPTER.exec(posix.basename(path));
  if (!match || placeOf(path)?.layer === 'test') return undefined;
  const technology = match[2]!;
  const folder = posix.dirname(path);
  const file = posix.join(folder, `${match[1]}.ts`);
  const port = repository.has(file) ? file : undefined;
  const isAdapter = TECHNOLOGIES.has(technology) || (port && !NO_TECHNOLOGY.has(technology));
  return isAdapter ? { family: `${folder}/*.${technology}`, port } : undefined;
}

/**
 * `main.ts`, `cli.ts` and what lies in a folder `cli/`: they speak to a person and to the
 * environment.
 */
export function isCommandLine(path: string): boolean {
  return /(^|\/)((main|cli)\.ts|cli\/[^/]+\.ts)$/.test(path);
}
