import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { positionOf } from '@holdfast/shared/domain/position-text.ts';
import type { PositionSet } from '@holdfast/shared/domain/ranges.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Selectable } from 'kysely';
import type { Scope } from './devices.ts';
import type { TelemetryTables } from './tables.ts';

type Db = Reader<TelemetryTables>;

export interface GatewayRow extends Omit<Selectable<TelemetryTables['gateways']>, 'lanes'> {
  readonly ledgers: readonly LaneLedger[];
  readonly revoked_at: bigint | null;
}

export interface HeldStream {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly lane: Lane;
  readonly position: PositionSet;
  readonly lastEventAt: bigint;
  readonly condensed: bigint;
}

export interface ParkedCount {
  readonly gatewayId: string;
  readonly lane: string;
  readonly records: bigint;
}

/** By id, at most `limit`, after `after`. */
export async function listGateways(
  db: Db,
  { tenant, sites }: Scope,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Promise<readonly GatewayRow[]> {
  let query = db
    .selectFrom('gateways')
    .leftJoin('revocations', (join) =>
      join
        .onRef('revocations.tenant', '=', 'gateways.tenant')
        .onRef('revocations.gateway_id', '=', 'gateways.gateway_id'),
    )
    .selectAll('gateways')
    .select('revocations.revoked_at')
    .where('gateways.tenant', '=', tenant);
  if (sites !== 'all') query = query.where('site', 'in', sites.length > 0 ? sites : ['']);
  if (after !== undefined) query = query.where('gateways.gateway_id', '>', after);
  const rows = await query.orderBy('gateways.gateway_id').limit(limit).execute();
  return rows.map(({ lanes, ...row }) => ({ ...row, ledgers: ledgersOf(lanes) }));
}

/** What is stored here of these gateways, by incarnation. */
export async function heldBy(
  db: Db,
  tenant: string,
  gatewayIds: readonly string[],
): Promise<readonly HeldStream[]> {
  if (gatewayIds.length === 0) return [];
  const rows = await db
    .selectFrom('streams')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('gateway_id', 'in', gatewayIds)
    .orderBy('incarnation')
    .execute();
  return rows.map((row) => ({
    gatewayId: row.gateway_id,
    incarnation: row.incarnation,
    lane: row.lane,
    position: positionOf(row),
    lastEventAt: row.last_event_at,
    condensed: row.condensed,
  }));
}

/** Records that were parked here, per lane. */
export async function parkedOf(
  db: Db,
  tenant: string,
  gatewayIds: readonly string[],
): Promise<readonly ParkedCount[]> {
  if (gatewayIds.length === 0) return [];
  const rows = await db
    .selectFrom('parked')
    .select((row) => [
      'gateway_id',
      'lane',
      row.cast<bigint>(row.fn.sum('record_count'), 'bigint').as('records'),
    ])
    .where('tenant', '=', tenant)
    .where('gateway_id', 'in', gatewayIds)
    .groupBy(['gateway_id', 'lane'])
    .execute();
  return rows.map((row) => ({
    gatewayId: row.gateway_id ?? '',
    lane: row.lane ?? '',
    records: row.records,
  }));
}

/** As the consumer wrote them, which had checked them against their schema. */
function ledgersOf(lanes: string): readonly LaneLedger[] {
  return JSON.parse(lanes) as LaneLedger[];
}
