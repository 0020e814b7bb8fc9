import type { Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { type RawBuilder, sql } from 'kysely';
import type { OutboxTables } from './outbox.ts';

const NAME = 'relay';

const NOW: Readonly<Record<Technology, RawBuilder<bigint>>> = {
  postgres: sql<bigint>`(extract(epoch from clock_timestamp()) * 1000000)::bigint`,
  sqlite: sql<bigint>`cast(unixepoch('subsec') * 1000000 as integer)`,
};

/**
 * The right to publish a service's outbox: one row, held by one relay at a time.
 *
 * It runs on the database's clock, the only one that relays on several machines share. A holder
 * trusts it for less than its length, by its own monotonic clock, and asks again then.
 */
export class RelayLease {
  readonly #sql: Sql<OutboxTables>;
  readonly #holder: string;
  readonly #leaseMs: number;
  #epoch: bigint | undefined;

  constructor(options: { sql: Sql<OutboxTables>; holder: string; leaseMs: number }) {
    this.#sql = options.sql;
    this.#holder = options.holder;
    this.#leaseMs = options.leaseMs;
  }

  /** Takes or renews the lease; false when another relay holds it. */
  async hold(): Promise<boolean> {
    const now = NOW[this.#sql.technology];
    const length = BigInt(this.#leaseMs) * 1000n;
    const row = await this.#sql.transaction((tx) =>
      tx
        .updateTable('outbox_lease')
        .set((eb) => ({
          holder: this.#holder,
          epoch: eb
            .case()
            .when('holder', '=', this.#holder)
            .then(eb.ref('epoch'))
            .else(eb('epoch', '+', 1n))
            .end(),
          renewed_at: now,
        }))
        .where('name', '=', NAME)
        .where((eb) =>
          eb.or([
            eb('holder', '=', this.#holder),
            eb('renewed_at', '<=', sql<bigint>`${now} - ${length}`),
            // The database's clock was set back: without this the lease would last as long.
            eb('renewed_at', '>', now),
          ]),
        )
        .returning('epoch')
        .executeTakeFirst(),
    );
    this.#epoch = row?.epoch;
    return row !== undefined;
  }

  /** Others may take it at once. */
  async release(): Promise<void> {
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    this.#epoch = undefined;
    await this.#sql.transaction((tx) =>
      tx
        .updateTable('outbox_lease')
        .set({ holder: '', renewed_at: 0n })
        .where('name', '=', NAME)
        .where('holder', '=', this.#holder)
        .where('epoch', '=', epoch)
        .execute(),
    );
  }
}
