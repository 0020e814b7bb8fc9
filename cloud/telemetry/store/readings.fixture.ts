import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { MICROS_MAX } from '../domain/reading.ts';
import { foldHour, hoursToFold } from './fold.ts';
import type { AfterSequence, AfterTime, StoredReading } from './raw-readings.ts';
import { readingsBySequence, readingsByTime } from './raw-readings.ts';
import { type Bucket, bucketsOf, type Resolution } from './roll-ups.ts';
import type { TelemetryTables } from './tables.ts';

/** Later than every hour that a test writes to. */
export const LATER = 2n ** 60n;

/** Folds what any hour has to be folded, as upkeep does in time. */
export async function foldAll(sql: Sql<TelemetryTables>): Promise<void> {
  for (;;) {
    const hours = await hoursToFold(sql, { now: LATER, restMicros: 0n });
    if (hours.length === 0) return;
    for (const hour of hours) await foldHour(sql, hour, 1n);
  }
}

/** Everything of one series, read page by page as a client would. */
export class SeriesReader {
  readonly #sql: Sql<TelemetryTables>;
  readonly #seriesId: bigint;

  private constructor(sql: Sql<TelemetryTables>, seriesId: bigint) {
    this.#sql = sql;
    this.#seriesId = seriesId;
  }

  static async of(
    sql: Sql<TelemetryTables>,
    name: { readonly device: string; readonly metric: string },
  ): Promise<SeriesReader> {
    const row = await sql.read((db) =>
      db
        .selectFrom('series')
        .select('id')
        .where('device', '=', name.device)
        .where('metric', '=', name.metric)
        .executeTakeFirstOrThrow(),
    );
    return new SeriesReader(sql, row.id);
  }

  async byTime(limit = 1_000, from = 0, to = MICROS_MAX): Promise<StoredReading[]> {
    const found: StoredReading[] = [];
    let after: AfterTime | undefined;
    for (;;) {
      const query = { seriesId: this.#seriesId, from, to, limit };
      const page = await this.#sql.read((db) => readingsByTime(db, query, after));
      found.push(...page);
      after = page.at(-1);
      if (page.length < limit) return found;
    }
  }

  async bySequence(limit = 1_000, from = 0, to = MICROS_MAX): Promise<StoredReading[]> {
    const found: StoredReading[] = [];
    let after: AfterSequence | undefined;
    for (;;) {
      const query = { seriesId: this.#seriesId, from, to, limit };
      const page = await this.#sql.read((db) => readingsBySequence(db, query, after));
      found.push(...page);
      after = page.at(-1);
      if (page.length < limit) return found;
    }
  }

  buckets(resolution: Resolution, limit = 10_000): Promise<readonly Bucket[]> {
    const query = { seriesId: this.#seriesId, from: 0, to: MICROS_MAX, resolution, limit };
    return this.#sql.read((db) => bucketsOf(db, query));
  }
}
