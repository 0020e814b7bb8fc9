import type { Rule, Violation } from '../rule.ts';

/** The oldest version of each that is free of known holes (architecture §10). */
export const VERSION_FLOORS: Readonly<Record<string, string>> = {
  '@grpc/grpc-js': '1.14.4',
  ws: '8.21.0',
  hono: '4.12.21',
  aedes: '1.2.0',
  'mqtt-packet': '9.0.2',
  'better-sqlite3': '13.2.0',
};
export const SQLITE_FLOOR = '3.51.3';

const LOCK = 'package-lock.json';

interface Lock {
  readonly packages?: Readonly<Record<string, { readonly version?: string }>>;
}

/** Each installed copy counts, however deep. */
export const versionFloors: Rule = {
  name: 'version-floors',
  check: (repository) => {
    const text = repository.text(LOCK);
    if (text === undefined) return [];
    const { packages = {} } = JSON.parse(text) as Lock;
    return Object.entries(packages).flatMap(([place, { version }]): Violation[] => {
      const name = place.split('node_modules/').at(-1)!;
      const floor = VERSION_FLOORS[name];
      if (!place.includes('node_modules/') || !floor || !version) return [];
      if (isAtLeast(version, floor)) return [];
      const line = text.slice(0, text.indexOf(`"${place}"`)).split('\n').length;
      const message = `${place} is ${version}, at least ${floor}`;
      return [{ path: LOCK, line, message, wayOut: 'raise it, or what brings it in' }];
    });
  },
};

/** Compares release numbers; a pre-release counts as older than its release. */
export function isAtLeast(version: string, floor: string): boolean {
  const [release, pre] = version.split('-');
  const [have, need] = [numbersOf(release!), numbersOf(floor)];
  for (let at = 0; at < need.length; at++) {
    const [a, b] = [have[at] ?? 0, need[at]!];
    if (a !== b) return a > b;
  }
  return pre === undefined;
}

function numbersOf(version: string): number[] {
  return version.split('.').map(Number);
}
