import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assertDurable, type Database, openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import type { OffsetCommit } from './groups-file.ts';

const FORMAT_VERSION = 1;

const SCHEMA = `
  create table if not exists processes (
    process text primary key,
    renewed_us integer not null,
    lease_us integer not null
  ) strict, without rowid;
  create table if not exists members (
    group_name text not null,
    topic text not null,
    member text not null,
    process text not null,
    primary key (group_name, topic, member)
  ) strict, without rowid;
  create table if not exists leases (
    group_name text not null,
    topic text not null,
    partition integer not null,
    member text,
    epoch integer not null,
    next_offset integer not null,
    primary key (group_name, topic, partition)
  ) strict, without rowid;
  create table if not exists generations (
    group_name text not null,
    topic text not null,
    generation integer not null,
    primary key (group_name, topic)
  ) strict, without rowid;
`;

export type GroupsStatements = ReturnType<typeof prepareStatements>;

/** False when the hold has passed to another member. In the caller's transaction. */
export function commitOffset(
  { setOffset }: GroupsStatements,
  { seat, hold, nextOffset }: OffsetCommit,
): boolean {
  const { group, topic, member } = seat;
  const { partition, epoch } = hold;
  return setOffset.run(nextOffset, group, topic, partition, member, epoch).changes > 0;
}

interface LeaseRow {
  readonly partition: bigint;
  readonly member: string | null;
  readonly epoch: bigint;
  readonly nextOffset: bigint;
}

interface MembershipRow {
  readonly group: string;
  readonly topic: string;
  readonly member: string;
}

export function openGroupsStatements(path: string) {
  const database = openSqliteFile(path);
  try {
    database
      .transaction(() => {
        const version = database.pragma('user_version', { simple: true });
        if (Number(version) > FORMAT_VERSION) {
          throw new AppError('CONFIG_INVALID', `${path} has file format ${version}`, {
            hint: 'It was written by a newer version: run that one, or a newer one.',
          });
        }
        database.exec(SCHEMA);
        database.pragma(`user_version = ${FORMAT_VERSION}`);
      })
      .immediate();
    assertDurable(database);
    return prepareStatements(database);
  } catch (cause) {
    database.close();
    throw cause;
  }
}

function prepareStatements(database: Database) {
  // 64-bit offsets and epochs, on every statement alike.
  database.defaultSafeIntegers(true);
  // Prepared once: it is asked many times a second.
  const dataVersion = database.prepare<[], bigint>('pragma data_version').pluck();
  return { database, dataVersion, ...prepareMembership(database), ...prepareLeases(database) };
}

function prepareMembership(database: Database) {
  return {
    renew: database.prepare<[bigint, string]>(
      'update processes set renewed_us = ? where process = ?',
    ),
    enter: database.prepare<[string, bigint, bigint]>('insert into processes values (?, ?, ?)'),
    // Also those that only members tell of: earlier versions could leave such behind.
    dead: database
      .prepare<[bigint, bigint], string>(
        `select process from processes where renewed_us > ? or renewed_us + lease_us <= ?
         union select process from members where process not in (select process from processes)`,
      )
      .pluck(),
    exit: database.prepare<[string]>('delete from processes where process = ?'),
    memberships: database.prepare<[string], MembershipRow>(
      'select group_name as "group", topic, member from members where process = ?',
    ),
    join: database.prepare<[string, string, string, string]>(
      'insert or ignore into members values (?, ?, ?, ?)',
    ),
    leave: database.prepare<[string, string, string]>(
      'delete from members where group_name = ? and topic = ? and member = ?',
    ),
    members: database
      .prepare<[string, string], string>(
        'select member from members where group_name = ? and topic = ?',
      )
      .pluck(),
    bump: database.prepare<[string, string]>(
      `insert into generations values (?, ?, 1)
       on conflict do update set generation = generation + 1`,
    ),
    generation: database
      .prepare<[string, string], bigint>(
        'select generation from generations where group_name = ? and topic = ?',
      )
      .pluck(),
  };
}

function prepareLeases(database: Database) {
  return {
    addLease: database.prepare<[string, string, number]>(
      'insert or ignore into leases values (?, ?, ?, null, 0, 0)',
    ),
    leases: database.prepare<[string, string], LeaseRow>(
      `select partition, member, epoch, next_offset as nextOffset from leases
       where group_name = ? and topic = ? order by partition`,
    ),
    take: database.prepare<[string, string, string, bigint]>(
      `update leases set member = ?, epoch = epoch + 1
       where group_name = ? and topic = ? and partition = ?`,
    ),
    free: database.prepare<[string, string, number]>(
      'update leases set member = null where group_name = ? and topic = ? and partition = ?',
    ),
    setOffset: database.prepare<[bigint, string, string, number, string, bigint]>(
      `update leases set next_offset = ?
       where group_name = ? and topic = ? and partition = ? and member = ? and epoch = ?`,
    ),
  };
}
