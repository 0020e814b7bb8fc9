import type { GatewayKey, Held, StreamKey } from '@holdfast/shared/domain/block-event.ts';
import { streamName } from '@holdfast/shared/domain/block-event.ts';
import { positionOf, rangesToText } from '@holdfast/shared/domain/position-text.ts';
import type { PositionSet } from '@holdfast/shared/domain/ranges.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { InventoryTables } from './tables.ts';

/** Where the gateways' streams are, by the name of the stream. */
export async function readPositions(
  db: Reader<InventoryTables>,
  gateways: readonly GatewayKey[],
): Promise<Held> {
  if (gateways.length === 0) return new Map();
  const rows = await db
    .selectFrom('streams')
    .select(['tenant', 'gateway_id', 'incarnation', 'lane', 'contiguous', 'ranges'])
    .where('gateway_id', 'in', [...new Set(gateways.map(({ gatewayId }) => gatewayId))])
    .where('tenant', 'in', [...new Set(gateways.map(({ tenant }) => tenant))])
    .execute();
  return new Map(
    rows.map((row) => [streamName({ ...row, gatewayId: row.gateway_id }), positionOf(row)]),
  );
}

export interface MovedStream {
  readonly key: StreamKey;
  readonly site: string;
  readonly position: PositionSet;
  readonly eventAt: bigint;
}

/** In the transaction of the effects. */
export async function movePosition(
  tx: Transaction<InventoryTables>,
  { key, site, position, eventAt }: MovedStream,
): Promise<void> {
  const { tenant, gatewayId: gateway_id, incarnation, lane } = key;
  const place = {
    contiguous: position.contiguous,
    ranges: rangesToText(position),
    last_event_at: eventAt,
  };
  await tx
    .insertInto('streams')
    .values({ tenant, gateway_id, incarnation, lane, site, ...place })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'gateway_id', 'incarnation', 'lane']).doUpdateSet(place),
    )
    .execute();
}
