import { assert } from '@holdfast/shared/lib/assert.ts';
import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Transaction } from 'kysely';
import type { SeriesKey } from '../domain/reading.ts';
import type { TelemetryTables } from './tables.ts';

/** Held in memory; a series that fell out is looked up again. */
export const SERIES_CACHED_MAX = 100_000;

/** A name for maps. No part of a key holds the separator. */
export function seriesName(key: SeriesKey): string {
  return `${key.tenant}\0${key.site}\0${key.device}\0${key.metric}`;
}

/** The ids of series, those used most recently in memory. */
export class SeriesIds {
  readonly #ids = new Map<string, bigint>();

  /** True when the series is known to be there. */
  has(name: string): boolean {
    return this.#ids.has(name);
  }

  /**
   * The ids by name. Series that are new are created; call `remember` once the transaction is
   * committed.
   */
  async resolve(
    tx: Transaction<TelemetryTables>,
    series: ReadonlyMap<string, SeriesKey>,
  ): Promise<ReadonlyMap<string, bigint>> {
    const ids = new Map<string, bigint>();
    const unknown = new Map<string, SeriesKey>();
    for (const [name, key] of series) {
      const id = this.#ids.get(name);
      if (id === undefined) unknown.set(name, key);
      else ids.set(name, id);
    }
    if (unknown.size > 0) await find(tx, unknown, ids);
    if (unknown.size > 0) await create(tx, unknown, ids);
    assert(unknown.size === 0, 'each series has an id');
    return ids;
  }

  /** Only after the commit: an id that was rolled back may be given to another series. */
  remember(ids: ReadonlyMap<string, bigint>): void {
    for (const [name, id] of ids) {
      // Deleted and set again, so that the first entry is the one unused for longest.
      this.#ids.delete(name);
      this.#ids.set(name, id);
    }
    for (const name of this.#ids.keys()) {
      if (this.#ids.size <= SERIES_CACHED_MAX) break;
      this.#ids.delete(name);
    }
  }
}

/** Moves what is there from `unknown` to `ids`. */
async function find(
  tx: Transaction<TelemetryTables>,
  unknown: Map<string, SeriesKey>,
  ids: Map<string, bigint>,
): Promise<void> {
  for (const { tenant, site, devices } of byPlace(unknown.values())) {
    for (const some of rowBatches(devices)) {
      const rows = await tx
        .selectFrom('series')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('site', '=', site)
        .where('device', 'in', some)
        .execute();
      for (const row of rows) settle(unknown, ids, row);
    }
  }
}

async function create(
  tx: Transaction<TelemetryTables>,
  unknown: Map<string, SeriesKey>,
  ids: Map<string, bigint>,
): Promise<void> {
  const keys = [...unknown.values()].map(({ tenant, site, device, metric }) => ({
    tenant,
    site,
    device,
    metric,
  }));
  for (const some of rowBatches(keys)) {
    // One that another transaction creates at this moment ends this one as contention, and it runs
    // again.
    const rows = await tx
      .insertInto('series')
      .values(some)
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .execute();
    for (const row of rows) settle(unknown, ids, row);
  }
}

function settle(
  unknown: Map<string, SeriesKey>,
  ids: Map<string, bigint>,
  row: SeriesKey & { readonly id: bigint },
): void {
  const name = seriesName(row);
  if (unknown.delete(name)) ids.set(name, row.id);
}

interface Place {
  readonly tenant: string;
  readonly site: string;
  readonly devices: string[];
}

function byPlace(keys: Iterable<SeriesKey>): Iterable<Place> {
  const places = new Map<string, Place & { readonly seen: Set<string> }>();
  for (const { tenant, site, device } of keys) {
    const name = `${tenant}\0${site}`;
    const place = places.get(name) ?? { tenant, site, devices: [], seen: new Set<string>() };
    places.set(name, place);
    if (!place.seen.has(device)) place.devices.push(device);
    place.seen.add(device);
  }
  return places.values();
}
