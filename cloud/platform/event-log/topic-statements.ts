import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assertDurable, type Database, openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import type { TopicFileOptions } from './topic-file.ts';

/**
 * Pages of the write-ahead log that are carried into the file at once: 16 MB, so that a checkpoint
 * is rare.
 */
const CHECKPOINT_PAGES = 4096;
const FORMAT_VERSION = 1;

const SCHEMA = `
  create table if not exists settings (name text primary key, value any) strict, without rowid;
  create table if not exists events (
    id integer primary key,
    partition integer not null,
    at_ms integer not null,
    key text not null,
    headers text not null,
    value blob not null
  ) strict;
  create index if not exists events_by_partition on events (partition);
`;

export type TopicStatements = ReturnType<typeof prepareStatements>;

interface EventRow {
  readonly id: bigint;
  readonly key: string;
  readonly headers: string;
  readonly value: Buffer;
}

interface AgedRow {
  readonly id: bigint;
  readonly partition: bigint;
  readonly atMs: bigint;
  readonly bytes: bigint;
}

/**
 * Opens the file of a topic, or makes it. Throws CONFIG_INVALID when it was made with another
 * partition count or by a newer version, and what `openSqliteFile` throws.
 */
export function openTopicStatements(options: TopicFileOptions) {
  const database = openSqliteFile(options.path);
  try {
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.transaction(() => migrate(database, options)).immediate();
    assertDurable(database);
    return prepareStatements(database);
  } catch (cause) {
    database.close();
    throw cause;
  }
}

function migrate(database: Database, { topic, partitionCount, compacted }: TopicFileOptions): void {
  const version = database.pragma('user_version', { simple: true });
  if (Number(version) > FORMAT_VERSION) {
    throw new AppError('CONFIG_INVALID', `the topic ${topic} has file format ${version}`, {
      hint: 'It was written by a newer version: run that one, or a newer one.',
    });
  }
  database.exec(SCHEMA);
  if (compacted) database.exec('create index if not exists events_by_key on events (key)');
  // Only once: a file that is there is not changed by opening it.
  if (Number(version) === 0) database.pragma(`user_version = ${FORMAT_VERSION}`);
  const add = database.prepare('insert or ignore into settings values (?, ?)');
  add.run('partition_count', partitionCount);
  add.run('compacted_to', 0);
  const stored = database
    .prepare("select value from settings where name = 'partition_count'")
    .pluck()
    .get();
  // With another count the keys would move to other partitions and lose their order.
  if (stored !== partitionCount) {
    throw new AppError(
      'CONFIG_INVALID',
      `the topic ${topic} was made with ${stored} partitions, not ${partitionCount}`,
      { hint: 'A topic keeps its partition count; another count needs another topic.' },
    );
  }
}

function prepareStatements(database: Database) {
  // 64-bit ids, on every statement alike.
  database.defaultSafeIntegers(true);
  return {
    database,
    // Prepared once: it is asked many times a second.
    dataVersion: database.prepare<[], bigint>('pragma data_version').pluck(),
    insert: database.prepare<[number, number, string, string, Uint8Array]>(
      'insert into events (partition, at_ms, key, headers, value) values (?, ?, ?, ?, ?)',
    ),
    page: database.prepare<[number, bigint, number], EventRow>(
      `select id, key, headers, value from events
       where partition = ? and id >= ? order by id limit ?`,
    ),
    newest: database
      .prepare<[number], bigint | null>('select max(id) from events where partition = ?')
      .pluck(),
    last: database.prepare<[], bigint | null>('select max(id) from events').pluck(),
    // The length of a blob is in its row's head: it costs no look at the value.
    oldest: database.prepare<[bigint, number], AgedRow>(
      `select id, partition, at_ms as atMs, length(value) as bytes from events
       where id > ? order by id limit ?`,
    ),
    remove: database.prepare<[bigint]>('delete from events where id = ?'),
    uncompacted: database.prepare<[number], { readonly id: bigint; readonly key: string }>(
      `select id, key from events
       where id > (select value from settings where name = 'compacted_to') order by id limit ?`,
    ),
    // A key keeps its partition, so the newest event of a partition, which is its key's newest,
    // always stays.
    removeEarlier: database.prepare<[string, bigint]>(
      'delete from events where key = ? and id < ?',
    ),
    setCompacted: database.prepare<[bigint]>(
      "update settings set value = ? where name = 'compacted_to'",
    ),
  };
}
