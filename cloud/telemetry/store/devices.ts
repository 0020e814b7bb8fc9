import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { TelemetryTables } from './tables.ts';

type Db = Reader<TelemetryTables>;

/** What a principal may see. */
export interface Scope {
  readonly tenant: string;
  readonly sites: 'all' | readonly string[];
}

export interface DeviceName {
  readonly site: string;
  readonly device: string;
}

/** The latest reading that one stream has of one metric. */
export interface LatestRow extends DeviceName {
  readonly metric: string;
  readonly gateway_id: string;
  readonly incarnation: string;
  readonly lane: Lane;
  readonly sequence: bigint;
  readonly time: bigint;
  readonly received_at: bigint;
  readonly flags: bigint;
  readonly value: number | null;
  readonly body: Uint8Array | null;
}

/** Metrics of one answer: a device that invents names must not make it endless. */
export const LATEST_ROWS_MAX = 5_000;

/** By site and id, at most `limit`, after `after`. */
export function listDevices(
  db: Db,
  scope: Scope,
  { limit, after }: { readonly limit: number; readonly after: DeviceName | undefined },
): Promise<readonly DeviceName[]> {
  let query = seriesIn(db, scope).select(['site', 'device']).groupBy(['site', 'device']);
  if (after) {
    query = query.where((row) =>
      row.or([
        row('site', '>', after.site),
        row.and([row('site', '=', after.site), row('device', '>', after.device)]),
      ]),
    );
  }
  return query.orderBy('site').orderBy('device').limit(limit).execute();
}

/** The sites of the scope that have a device of this id. */
export async function sitesWith(db: Db, scope: Scope, device: string): Promise<readonly string[]> {
  const rows = await seriesIn(db, scope)
    .select('site')
    .distinct()
    .where('device', '=', device)
    .orderBy('site')
    .execute();
  return rows.map((row) => row.site);
}

/** Every stream's latest of each metric of these devices, by site, device and metric. */
export async function latestOf(
  db: Db,
  tenant: string,
  devices: readonly DeviceName[],
): Promise<readonly LatestRow[]> {
  if (devices.length === 0) return [];
  const bySite = Map.groupBy(devices, (device) => device.site);
  return db
    .selectFrom('series')
    .innerJoin('latest', 'latest.series_id', 'series.id')
    .innerJoin('streams', 'streams.id', 'latest.stream_id')
    .select(['series.site', 'series.device', 'series.metric'])
    .select(['streams.gateway_id', 'streams.incarnation', 'streams.lane'])
    .select(['latest.sequence', 'latest.time', 'latest.received_at'])
    .select(['latest.flags', 'latest.value', 'latest.body'])
    .where('series.tenant', '=', tenant)
    .where((row) =>
      row.or(
        [...bySite].map(([site, named]) => {
          const ids = named.map(({ device }) => device);
          return row.and([row('series.site', '=', site), row('series.device', 'in', ids)]);
        }),
      ),
    )
    .orderBy('series.site')
    .orderBy('series.device')
    .orderBy('series.metric')
    .limit(LATEST_ROWS_MAX)
    .execute();
}

export interface SeriesRow {
  readonly id: bigint;
  readonly metric: string;
}

/** The device's metrics, by name. */
export function seriesOf(
  db: Db,
  tenant: string,
  { site, device }: DeviceName,
): Promise<readonly SeriesRow[]> {
  return db
    .selectFrom('series')
    .select(['id', 'metric'])
    .where('tenant', '=', tenant)
    .where('site', '=', site)
    .where('device', '=', device)
    .orderBy('metric')
    .limit(LATEST_ROWS_MAX)
    .execute();
}

function seriesIn(db: Db, { tenant, sites }: Scope) {
  const query = db.selectFrom('series').where('tenant', '=', tenant);
  // An empty list allows nothing, and `in ()` is no SQL.
  return sites === 'all' ? query : query.where('site', 'in', sites.length > 0 ? sites : ['']);
}
