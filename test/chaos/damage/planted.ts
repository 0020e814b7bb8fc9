import { join } from 'node:path';
import { incarnationOf } from '@holdfast/edge/buffer/buffer-schema.sqlite.ts';
import { sqliteBufferStore } from '@holdfast/edge/buffer/buffer-store.sqlite.ts';
import { markedStore } from '@holdfast/edge/buffer/position-mark.ts';
import { rowChecksum } from '@holdfast/edge/buffer/row-checksum.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { type Database, openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import { BUFFER_FILE } from './content.ts';
import type { DamagePlant } from './plants.ts';

/**
 * The files as a gateway with the bug would take them, between the fault and the start. A file that
 * cannot be opened at all hides the bug.
 */
export function plantBeforeStart(folder: string, plant: DamagePlant | undefined): void {
  if (plant === 'no-checksum-check') withDatabase(folder, believeGroups);
  if (plant === 'no-witness') withDatabase(folder, believePositions);
}

/** As the bug leaves the file behind when the gateway has stopped. */
export function plantAfterStop(folder: string, plant: DamagePlant | undefined): void {
  if (plant !== 'forgotten-settlement') return;
  withDatabase(folder, (database) =>
    database.exec("delete from settlements where kind = 'damaged'"),
  );
}

function withDatabase(folder: string, work: (database: Database, path: string) => void): void {
  const path = join(folder, BUFFER_FILE);
  let database: Database | undefined;
  try {
    database = openSqliteFile(path);
    database.defaultSafeIntegers(true);
    work(database, path);
  } catch {
    // Too damaged for the bug to show.
  } finally {
    database?.close();
  }
}

function believeGroups(database: Database): void {
  const rows = database.prepare('select id, last, body from groups').all() as {
    id: bigint;
    last: bigint;
    body: Uint8Array;
  }[];
  const believe = database.prepare('update groups set checksum = ? where id = ?');
  for (const { id, last, body } of rows) believe.run(rowChecksum(id, last, body), id);
}

function believePositions(database: Database, path: string): void {
  const core = sqliteBufferStore(database, incarnationOf(database, path), testRuntime());
  // Its mark is written from what the file says.
  markedStore({ ...core, close: () => {} }, path).close();
}
