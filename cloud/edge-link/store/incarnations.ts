import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { type PositionSet, union } from '@holdfast/shared/domain/ranges.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { FenceReason, IncarnationState, Turns } from '../domain/fencing.ts';
import type { LaneKey } from './lane-positions.ts';
import {
  countsFromColumn,
  countsToColumn,
  positionFromColumns,
  positionToColumns,
} from './position-columns.ts';
import type { EdgeLinkTables, IncarnationsTable } from './tables.ts';

type Tx = Transaction<EdgeLinkTables>;

/** All incarnations of a gateway that ever spoke, by name. */
export async function incarnationsOf(
  db: Reader<EdgeLinkTables>,
  gatewayId: string,
): Promise<ReadonlyMap<string, IncarnationState>> {
  const rows = await db
    .selectFrom('incarnations')
    .selectAll()
    .where('gateway_id', '=', gatewayId)
    .execute();
  return new Map(rows.map((row) => [row.incarnation, stateOf(row)]));
}

/**
 * Stores the turns of an incarnation that is served; with its first, the gateway's other
 * incarnations are superseded.
 */
export async function storeTurns(
  tx: Tx,
  gatewayId: string,
  served: { readonly incarnation: string; readonly turns: Turns },
): Promise<void> {
  const turns = { shown_turn: served.turns.shown, issued_turns: served.turns.issued.join(',') };
  await tx
    .insertInto('incarnations')
    .values({
      gateway_id: gatewayId,
      incarnation: served.incarnation,
      ...turns,
      fenced: null,
      superseded: 0n,
      reported_delivered: '',
    })
    .onConflict((oc) => oc.columns(['gateway_id', 'incarnation']).doUpdateSet(turns))
    .execute();
  await tx
    .updateTable('incarnations')
    .set({ superseded: 1n })
    .where('gateway_id', '=', gatewayId)
    .where('incarnation', '!=', served.incarnation)
    .execute();
}

export async function storeFence(
  tx: Tx,
  key: { readonly gatewayId: string; readonly incarnation: string },
  fenced: FenceReason,
): Promise<void> {
  await tx
    .updateTable('incarnations')
    .set({ fenced })
    .where('gateway_id', '=', key.gatewayId)
    .where('incarnation', '=', key.incarnation)
    .execute();
}

/** Keeps the highest count that each lane ever reported as delivered. */
export async function storeReported(
  tx: Tx,
  key: { readonly gatewayId: string; readonly incarnation: string },
  counts: ReadonlyMap<Lane, bigint>,
): Promise<void> {
  await tx
    .updateTable('incarnations')
    .set({ reported_delivered: countsToColumn(counts) })
    .where('gateway_id', '=', key.gatewayId)
    .where('incarnation', '=', key.incarnation)
    .execute();
}

/** What each lane's gateway will never send, by incarnation and lane. */
export async function goneLanes(
  db: Reader<EdgeLinkTables>,
  gatewayId: string,
): Promise<readonly (LaneKey & { readonly gone: PositionSet })[]> {
  const rows = await db
    .selectFrom('gone_positions')
    .selectAll()
    .where('gateway_id', '=', gatewayId)
    .execute();
  return rows.map((row) => ({
    gatewayId,
    incarnation: row.incarnation,
    lane: row.lane,
    gone: positionFromColumns(row),
  }));
}

/** Adds to what is gone: what was given up once does not come back. */
export async function addGone(tx: Tx, key: LaneKey, more: PositionSet): Promise<PositionSet> {
  const row = await tx
    .selectFrom('gone_positions')
    .selectAll()
    .where('gateway_id', '=', key.gatewayId)
    .where('incarnation', '=', key.incarnation)
    .where('lane', '=', key.lane)
    .executeTakeFirst();
  const gone = row ? union(positionFromColumns(row), more) : more;
  const columns = positionToColumns(gone);
  await tx
    .insertInto('gone_positions')
    .values({
      gateway_id: key.gatewayId,
      incarnation: key.incarnation,
      lane: key.lane,
      ...columns,
    })
    .onConflict((oc) => oc.columns(['gateway_id', 'incarnation', 'lane']).doUpdateSet(columns))
    .execute();
  return gone;
}

function stateOf(row: IncarnationsTable): IncarnationState {
  return {
    turns: {
      shown: row.shown_turn,
      issued: row.issued_turns === '' ? [] : row.issued_turns.split(','),
    },
    fenced: row.fenced ?? undefined,
    superseded: row.superseded !== 0n,
    reportedDelivered: countsFromColumn(row.reported_delivered),
  };
}
