import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { serviceTables } from '@holdfast/cloud/wiring.ts';
import { fingerprint } from '@holdfast/shared/platform/sql/migrate.ts';

/** What databases out there may have applied, in this order. */
export const MIGRATIONS_BASELINE = fileURLToPath(
  new URL('../../proto/baseline/migrations.json', import.meta.url),
);

/** Of each service, each migration's id and what it is recognised by on each technology. */
export type Prints = Readonly<Record<string, readonly Print[]>>;

export interface Print {
  readonly id: string;
  readonly sqlite: string;
  readonly postgres: string;
}

export async function currentPrints(): Promise<Prints> {
  const prints: Record<string, Print[]> = {};
  for (const { service, migrations } of await serviceTables()) {
    const own: Print[] = [];
    for (const migration of migrations) {
      const sqlite = await fingerprint(migration, 'sqlite');
      own.push({ id: migration.id, sqlite, postgres: await fingerprint(migration, 'postgres') });
    }
    prints[service] = own;
  }
  return prints;
}

export function readPrints(): Prints {
  return JSON.parse(readFileSync(MIGRATIONS_BASELINE, 'utf8')) as Prints;
}

export function textOf(prints: Prints): string {
  return `${JSON.stringify(prints, null, 2)}\n`;
}

/** Why a database that has `before` would be refused; empty when migrations were only appended. */
export function refusedDatabases(before: Prints, after: Prints): readonly string[] {
  return Object.entries(before).flatMap(([service, prints]) =>
    prints.flatMap((print, index) => {
      const now = after[service]?.[index];
      if (now?.id !== print.id) return [`${service}: ${print.id} is not in its place`];
      const isSame = now.sqlite === print.sqlite && now.postgres === print.postgres;
      return isSame ? [] : [`${service}: ${print.id} was changed`];
    }),
  );
}
