import type { Topic } from '@holdfast/shared/contracts/topics.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import { type Database, sqliteFailure } from '@holdfast/shared/runtime/sqlite.ts';
import { fairShare } from './fair-share.ts';
import { commitOffset, type GroupsStatements, openGroupsStatements } from './groups-statements.ts';

/** One member of a group, for one topic. */
export interface Seat {
  readonly group: string;
  readonly topic: Topic;
  readonly member: string;
  readonly partitionCount: number;
}

/** A partition that a member holds. The epoch is the fencing token. */
export interface Hold {
  readonly partition: number;
  readonly epoch: bigint;
  /** Offset of the next event that the group has not committed. */
  readonly nextOffset: bigint;
}

export interface Share {
  readonly holds: readonly Hold[];
  /** How many partitions the member may hold; it gives up what is above. */
  readonly fair: number;
  /**
   * Counts the changes of the group's membership; a member that sees it grow asks for its share
   * again.
   */
  readonly generation: bigint;
}

export interface OffsetCommit {
  readonly seat: Seat;
  readonly hold: Hold;
  readonly nextOffset: bigint;
}

export interface GroupsFileOptions {
  readonly path: string;
  readonly process: string;
  readonly leaseMs: number;
  readonly clock: Pick<Clock, 'monotonicMicros'>;
}

/**
 * Who holds which partition, and how far each group has come: one SQLite file beside those of the
 * topics, so that a commit of an offset never waits for an append.
 *
 * Leases run on the machine's monotonic clock, which all its processes share: a wall clock that is
 * set would end all leases at once or keep a dead member's. It begins anew at a boot, so a renewal
 * that lies in the future is from an earlier boot and its process is dead. A process renews one row
 * for all its members. A member whose process is dead is removed, and its partitions are free to
 * the others; each change of hands raises the partition's epoch.
 */
export class GroupsFile {
  readonly #process: string;
  readonly #clock: Pick<Clock, 'monotonicMicros'>;
  readonly #leaseMicros: bigint;
  readonly #database: Database;
  readonly #statements: GroupsStatements;
  #dataVersion: bigint | undefined;

  constructor(options: GroupsFileOptions) {
    this.#process = options.process;
    this.#clock = options.clock;
    this.#leaseMicros = BigInt(options.leaseMs) * 1000n;
    this.#statements = openGroupsStatements(options.path);
    this.#database = this.#statements.database;
    this.#dataVersion = this.#statements.dataVersion.get();
  }

  /** Renews this process's lease and removes the dead. */
  heartbeat(): void {
    // A renewal that a power cut takes back is of no use after it: it is not worth a sync.
    this.#database.pragma('synchronous = NORMAL');
    try {
      this.#write(() => {
        const nowMicros = this.#renew();
        for (const process of this.#statements.dead.all(nowMicros, nowMicros)) this.#bury(process);
      });
    } finally {
      this.#database.pragma('synchronous = FULL');
    }
  }

  /**
   * Joins when it has not, takes free partitions up to the fair share, and tells what the member
   * holds.
   */
  claim(seat: Seat): Share {
    const { group, topic, member, partitionCount } = seat;
    const { join, members, addLease, leases, take, bump, generation } = this.#statements;
    return this.#write(() => {
      // The others may have taken this process for dead meanwhile: nobody would remove a member
      // whose process is not there.
      this.#renew();
      if (join.run(group, topic, member, this.#process).changes > 0) bump.run(group, topic);
      const alive = members.all(group, topic);
      const fair = fairShare({ members: alive, member, topic, partitionCount });
      for (let partition = 0; partition < partitionCount; partition++) {
        addLease.run(group, topic, partition);
      }
      const rows = leases.all(group, topic);
      let held = rows.filter((row) => row.member === member).length;
      for (const { partition, member: holder } of rows) {
        if (held >= fair) break;
        if (holder !== null && alive.includes(holder)) continue;
        take.run(member, group, topic, partition);
        held += 1;
      }
      return {
        holds: leases.all(group, topic).flatMap((row) =>
          row.member === member
            ? [
                {
                  partition: Number(row.partition),
                  epoch: row.epoch,
                  nextOffset: row.nextOffset,
                },
              ]
            : [],
        ),
        fair,
        generation: generation.get(group, topic) ?? 0n,
      };
    });
  }

  /** Gives a partition up, with the offset that was reached. */
  release(commit: OffsetCommit): void {
    const { group, topic } = commit.seat;
    this.#write(() => {
      if (!commitOffset(this.#statements, commit)) return;
      this.#statements.free.run(group, topic, commit.hold.partition);
      this.#statements.bump.run(group, topic);
    });
  }

  leave({ group, topic, member }: Seat): void {
    const { leave, bump } = this.#statements;
    this.#write(() => {
      if (leave.run(group, topic, member).changes > 0) bump.run(group, topic);
    });
  }

  generation({ group, topic }: Seat): bigint {
    return this.#statements.generation.get(group, topic) ?? 0n;
  }

  /** True when another process changed the file since the last call. */
  changed(): boolean {
    const version = this.#statements.dataVersion.get();
    const changed = version !== this.#dataVersion;
    this.#dataVersion = version;
    return changed;
  }

  /** Ends this process's lease at once, with all its members; what fails then, time does. */
  close(): void {
    try {
      this.#write(() => this.#bury(this.#process));
    } finally {
      this.#database.close();
    }
  }

  /** Throws UNAVAILABLE when the disk is full; see `sqliteFailure` for the others. */
  #write<T>(work: () => T): T {
    try {
      return this.#database.transaction(work).immediate();
    } catch (cause) {
      throw sqliteFailure(cause);
    }
  }

  /**
   * The time of the renewal. In a transaction that has begun: while this process waited for the
   * file another one may have renewed its lease, which must not look like one of an earlier boot.
   */
  #renew(): bigint {
    const { renew, enter } = this.#statements;
    const nowMicros = this.#clock.monotonicMicros();
    const alive = renew.run(nowMicros, this.#process).changes > 0;
    if (!alive) enter.run(this.#process, nowMicros, this.#leaseMicros);
    return nowMicros;
  }

  #bury(process: string): void {
    const { memberships, leave, bump, exit } = this.#statements;
    for (const { group, topic, member } of memberships.all(process)) {
      leave.run(group, topic, member);
      bump.run(group, topic);
    }
    exit.run(process);
  }
}
