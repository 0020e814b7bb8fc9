import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import {
  createFileDurably,
  ensureFolder,
  writeFileDurably,
} from '@holdfast/shared/runtime/files.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import { MARKS_FILE, openMarks } from './marks.ts';

// Traced by durable-writes.test.ts: everything here is durable when it returned.
const MODE = { mode: 0o600 };
const house = mkdtempSync(join(process.argv[2]!, 'holdfast-house-'));
const folder = join(house, 'gateway', 'inner');
const mark = openMarks(join(house, MARKS_FILE));
mkdirSync(join(house, 'gateway'));
// As a process leaves it that is killed right after it made the folder.
mkdirSync(folder);

ensureFolder(folder, 0o700);
writeFileDurably(join(folder, 'replaced'), 'old', MODE);
createFileDurably(join(folder, 'created'), 'first', MODE);
const database = openSqliteFile(join(folder, 'sub', 'rows.sqlite'));
database.exec('create table t (a integer) strict; insert into t values (1)');
mark({ kind: 'retained', value: 1 });
writeFileDurably(join(folder, 'replaced'), 'new', MODE);
database.exec('insert into t values (2)');
mark({ kind: 'retained', value: 2 });
const open = openSqliteSql({ dir: join(folder, 'sql'), rt: testRuntime() });
const sql = await open<{ items: { id: bigint } }>({
  service: 'items',
  migrations: [
    {
      id: '0001-items',
      up: (tx) => tx.schema.createTable('items').addColumn('id', 'bigint').execute(),
    },
  ],
});
mark({ kind: 'retained', value: 3 });
await sql.transaction((tx) => tx.insertInto('items').values({ id: 4n }).execute());
mark({ kind: 'retained', value: 4 });
mark({ kind: 'finished' });
await sql.close();
database.close();
rmSync(house, { recursive: true });
