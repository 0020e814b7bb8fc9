import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { boundedName } from '@holdfast/shared/domain/names.ts';
import { rfc3339 } from '@holdfast/shared/domain/reading-time.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { allowsSite } from '@holdfast/shared/runtime/access-token.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { tagged } from '../../platform/http/entity-tag.ts';
import { cursorParameter, limitParameter, pageOf, pageReply } from '../../platform/http/page.ts';
import { latestAmong } from '../domain/latest.ts';
import {
  type DeviceName,
  type LatestRow,
  latestOf,
  listDevices,
  type Scope,
  sitesWith,
} from '../store/devices.ts';
import type { TelemetryTables } from '../store/tables.ts';
import { devicePage, latestAnswer } from './answers.ts';
import { deviceParams, nameParameter, STAFF, scopeOf } from './query.ts';
import { contentOf } from './reading-json.ts';

export interface RouteDeps {
  readonly sql: Sql<TelemetryTables>;
}

/** Metrics of one device in the list; `latest` has them all. */
const LISTED_METRICS_MAX = 20;

const listQuery = z.strictObject({
  limit: limitParameter(),
  cursor: cursorParameter(z.tuple([z.string(), z.string()])),
  site: nameParameter.optional(),
});

const latestQuery = z.strictObject({ site: nameParameter.optional() });

const DEVICES = {
  method: 'get',
  path: '/v1/devices',
  tag: 'telemetry',
  summary: 'Devices by site and id, with the latest of each metric',
  caller: STAFF,
  query: listQuery,
  list: true,
  answers: { 200: { description: 'A page of devices.', body: devicePage } },
} as const;

const LATEST = {
  method: 'get',
  path: '/v1/devices/{id}/latest',
  tag: 'telemetry',
  summary: 'The latest reading of each metric',
  description: 'By the highest sequence, never by time.',
  caller: STAFF,
  params: deviceParams,
  query: latestQuery,
  tagged: true,
  answers: { 200: { description: 'One reading per metric.', body: latestAnswer } },
  problems: ['CONFLICT'],
} as const;

export function deviceRoutes(api: Api, { sql }: RouteDeps): void {
  addRoute(api, DEVICES, async ({ c, principal, query: { limit, cursor, site } }) => {
    const scope = scopeOf(principal, site);
    const after = cursor && { site: cursor[0], device: cursor[1] };
    const { page, latest } = await sql.read(async (db) => {
      const found = await listDevices(db, scope, { limit: limit + 1, after });
      const listed = pageOf(found, limit, (last) => [last.site, last.device]);
      return { page: listed, latest: await latestOf(db, scope.tenant, listed.items) };
    });
    const byDevice = Map.groupBy(latest, nameOf);
    const items = page.items.map((device) => summaryOf(device, byDevice.get(nameOf(device)) ?? []));
    return pageReply(c, { items, next_cursor: page.next });
  });

  addRoute(api, LATEST, async ({ c, principal, params, query: { site: asked } }) => {
    const id = boundedName(params.id);
    const { site, latest } = await sql.read(async (db) => {
      const found = await findSite(principal, asked, (scope) => sitesWith(db, scope, id));
      const device = { site: found, device: id };
      return { site: found, latest: await latestOf(db, principal.tenant, [device]) };
    });
    return tagged(c, { id, site, metrics: latestPerMetric(latest).map(readingJson) });
  });
}

/**
 * The one site that a device id means. A device that the principal may not see is not there (I10).
 */
export async function findSite(
  principal: Principal,
  asked: string | undefined,
  sitesIn: (scope: Scope) => Promise<readonly string[]>,
): Promise<string> {
  const visible = asked === undefined || allowsSite(principal, asked);
  const sites = visible ? await sitesIn(scopeOf(principal, asked)) : [];
  if (sites.length === 1) return sites[0]!;
  if (sites.length === 0) throw new AppError('NOT_FOUND', 'there is no such device');
  const field = { pointer: '/site', detail: `one of ${sites.join(', ')}` };
  throw new AppError('CONFLICT', 'several sites have a device of this id', {
    hint: 'Name the site with the parameter `site`.',
    fields: [field],
  });
}

function nameOf({ site, device }: DeviceName): string {
  return `${site}\0${device}`;
}

function latestPerMetric(rows: readonly LatestRow[]): readonly LatestRow[] {
  const byMetric = Map.groupBy(rows, (row) => row.metric);
  return [...byMetric.values()].map((candidates) => latestAmong(candidates)!);
}

function summaryOf({ site, device }: DeviceName, rows: readonly LatestRow[]) {
  const metrics = latestPerMetric(rows);
  const newest = latestAmong(metrics);
  return {
    id: device,
    site,
    gatewayId: newest?.gateway_id ?? null,
    lastSeen: newest ? rfc3339(Number(newest.received_at)) : null,
    metricCount: metrics.length,
    metrics: metrics.slice(0, LISTED_METRICS_MAX).map((row) => ({
      metric: row.metric,
      time: rfc3339(Number(row.time)),
      ...contentOf(row.value ?? row.body, Number(row.flags)),
    })),
  };
}

function readingJson(row: LatestRow) {
  return {
    metric: row.metric,
    time: rfc3339(Number(row.time)),
    receivedAt: rfc3339(Number(row.received_at)),
    ...contentOf(row.value ?? row.body, Number(row.flags)),
    sequence: Number(row.sequence),
    incarnation: row.incarnation,
    gatewayId: row.gateway_id,
    lane: row.lane,
  };
}
