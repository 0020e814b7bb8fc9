import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { SeriesReadings } from '../domain/block-readings.ts';
import { OVERFLOW_METRIC, overflowOf, SERIES_PER_DEVICE_MAX } from '../domain/overflow-series.ts';
import type { ReceivedBlock } from '../domain/received-block.ts';
import { type SeriesIds, seriesName } from './series-ids.ts';
import type { TelemetryTables } from './tables.ts';

interface Place {
  readonly tenant: string;
  readonly site: string;
  /** The metrics of each device that has new ones. */
  readonly devices: Map<string, Set<string>>;
}

/** The blocks, where a device has more metrics than it may with those in its overflow. */
export async function withinSeriesLimit(
  sql: Sql<TelemetryTables>,
  ids: SeriesIds,
  blocks: readonly ReceivedBlock[],
): Promise<readonly ReceivedBlock[]> {
  const places = placesWithNew(ids, blocks);
  if (places.size === 0) return blocks;
  await sql.read(async (db) => {
    for (const place of places.values()) await addStored(db, place);
  });
  return blocks.map((block) => {
    const devices = places.get(placeName(block))?.devices;
    return devices ? { ...block, series: limited(block.series, devices) } : block;
  });
}

function placesWithNew(
  ids: SeriesIds,
  blocks: readonly ReceivedBlock[],
): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  for (const block of blocks) {
    const { tenant } = block.key;
    const { site } = block;
    for (const { device, metric } of block.series) {
      if (ids.has(seriesName({ tenant, site, device, metric }))) continue;
      const place = places.get(placeName(block)) ?? { tenant, site, devices: new Map() };
      places.set(placeName(block), place);
      place.devices.set(device, new Set());
    }
  }
  return places;
}

function placeName({ key, site }: ReceivedBlock): string {
  return `${key.tenant}\0${site}`;
}

async function addStored(
  db: Reader<TelemetryTables>,
  { tenant, site, devices }: Place,
): Promise<void> {
  for (const some of rowBatches([...devices.keys()])) {
    const rows = await db
      .selectFrom('series')
      .select(['device', 'metric'])
      .where('tenant', '=', tenant)
      .where('site', '=', site)
      .where('device', 'in', some)
      .execute();
    for (const { device, metric } of rows) devices.get(device)?.add(metric);
  }
}

/** First come, first served; `devices` grows by what is let in. */
function limited(
  series: readonly SeriesReadings[],
  devices: ReadonlyMap<string, Set<string>>,
): readonly SeriesReadings[] {
  const kept: SeriesReadings[] = [];
  const over = new Map<string, SeriesReadings[]>();
  for (const one of series) {
    const metrics = devices.get(one.device);
    const fits = !metrics || metrics.has(one.metric) || metrics.size < SERIES_PER_DEVICE_MAX;
    if (fits || one.metric === OVERFLOW_METRIC) {
      metrics?.add(one.metric);
      kept.push(one);
    } else over.set(one.device, [...(over.get(one.device) ?? []), one]);
  }
  return over.size === 0 ? series : [...kept, ...[...over.values()].map(overflowOf)];
}
