import {
  type GatewayKey,
  type Held,
  overlapOf,
  type ParkedBlock,
  streamName,
} from '@holdfast/shared/domain/block-event.ts';
import { type BlockPlan, planBlocks } from '@holdfast/shared/domain/block-plan.ts';
import { positionOf, rangesToText } from '@holdfast/shared/domain/position-text.ts';
import type { PositionSet } from '@holdfast/shared/domain/ranges.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import type { Reader, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Steps } from '@holdfast/shared/runtime/steps.ts';
import type { Transaction } from 'kysely';
import type { ReceivedBlock } from '../domain/received-block.ts';
import { rowsOf } from './block-rows.ts';
import { insertRows } from './insert-rows.ts';
import { type LogPositionAfter, noteLogPositions } from './log-positions.ts';
import { park } from './parked.ts';
import type { SeriesIds } from './series-ids.ts';
import { withinSeriesLimit } from './series-limit.ts';
import type { TelemetryTables } from './tables.ts';

/** What one transaction takes from the log. */
export interface Delivery {
  readonly blocks: readonly ReceivedBlock[];
  readonly parked: readonly ParkedBlock[];
  /** Records that were found to be held before their blocks were read. */
  readonly repeatedRecords: number;
  /** Where the log stands after them. */
  readonly logPositions: readonly LogPositionAfter[];
}

export interface Applied {
  readonly plan: BlockPlan<ReceivedBlock>;
  /** Those of the delivery, and what turned out to overlap. */
  readonly parked: readonly ParkedBlock[];
}

export interface ApplyDeps {
  readonly sql: Sql<TelemetryTables>;
  readonly ids: SeriesIds;
  readonly steps: Steps;
  readonly now: () => bigint;
}

type Tx = Transaction<TelemetryTables>;

/**
 * Lets a delivery take effect once, whatever is delivered again and by whoever: which blocks are
 * new is judged by the positions inside the transaction that stores their readings and moves the
 * positions.
 */
export async function applyDelivery(deps: ApplyDeps, delivery: Delivery): Promise<Applied> {
  const storedAt = deps.now();
  const blocks = await withinSeriesLimit(deps.sql, deps.ids, delivery.blocks);
  // Encoded before the transaction, on what will be new as far as anyone knows now: inside, every
  // millisecond is one that others wait.
  const gateways = blocks.map(({ key }) => key);
  const before = await deps.sql.read((db) => readPositions(db, gateways));
  const likely = rowsOf(planBlocks(blocks, before).applied, storedAt);
  const { applied, ids } = await deps.sql.transaction(async (tx) => {
    const plan = planBlocks(blocks, await readPositions(tx, gateways));
    const rows = sameBlocks(plan.applied, likely.blocks) ? likely : rowsOf(plan.applied, storedAt);
    const streams = await movePositions(tx, plan);
    const found = await deps.ids.resolve(tx, rows.series);
    await insertRows(tx, deps.sql.technology, { rows, places: { series: found, streams } });
    const parked = [...delivery.parked, ...plan.overlapping.map(overlapOf)];
    await park(tx, parked, storedAt);
    await noteLogPositions(tx, delivery.logPositions);
    deps.steps.reach('telemetry.batch.before-commit');
    return { applied: { plan, parked }, ids: found };
  });
  deps.steps.reach('telemetry.batch.committed');
  deps.ids.remember(ids);
  return applied;
}

function sameBlocks(a: readonly ReceivedBlock[], b: readonly ReceivedBlock[]): boolean {
  return a.length === b.length && a.every((block, index) => block === b[index]);
}

/** Where the gateways' streams are, by the name of the stream. */
export async function readPositions(
  db: Reader<TelemetryTables>,
  of: readonly GatewayKey[],
): Promise<Held> {
  const gateways = [...new Set(of.map(({ gatewayId }) => gatewayId))];
  const tenants = [...new Set(of.map(({ tenant }) => tenant))];
  const positions = new Map<string, PositionSet>();
  for (const some of rowBatches(gateways)) {
    const rows = await db
      .selectFrom('streams')
      .select(['tenant', 'gateway_id', 'incarnation', 'lane', 'contiguous', 'ranges'])
      .where('gateway_id', 'in', some)
      .where('tenant', 'in', tenants)
      .execute();
    for (const row of rows) {
      positions.set(streamName({ ...row, gatewayId: row.gateway_id }), positionOf(row));
    }
  }
  return positions;
}

/** Stores the new positions and returns the streams' ids by name. */
async function movePositions(
  tx: Tx,
  { applied, moved }: BlockPlan<ReceivedBlock>,
): Promise<ReadonlyMap<string, bigint>> {
  const last = new Map(applied.map((block) => [block.stream, block]));
  const rows = [...last.values()].map(({ stream, key, site, eventAt }) => {
    const position = moved.get(stream);
    assert(position, 'a stream with an applied block has moved');
    const { tenant, gatewayId: gateway_id, incarnation, lane } = key;
    const ranges = rangesToText(position);
    const place = {
      contiguous: position.contiguous,
      ranges,
      last_event_at: eventAt,
      condensed: condensedIn(applied, stream),
    };
    return { tenant, gateway_id, incarnation, lane, site, ...place };
  });
  const ids = new Map<string, bigint>();
  for (const some of rowBatches(rows)) {
    const kept = await tx
      .insertInto('streams')
      .values(some)
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'gateway_id', 'incarnation', 'lane']).doUpdateSet((row) => ({
          contiguous: row.ref('excluded.contiguous'),
          ranges: row.ref('excluded.ranges'),
          last_event_at: row.ref('excluded.last_event_at'),
          condensed: row('streams.condensed', '+', row.ref('excluded.condensed')),
        })),
      )
      .returning(['id', 'tenant', 'gateway_id', 'incarnation', 'lane'])
      .execute();
    for (const row of kept) ids.set(streamName({ ...row, gatewayId: row.gateway_id }), row.id);
  }
  return ids;
}

/** How many messages the stream's blocks give summaries of. */
function condensedIn(blocks: readonly ReceivedBlock[], stream: string): bigint {
  const condensed = blocks.filter((one) => one.stream === stream && one.form === 'condensed');
  return condensed.reduce((sum, { recordCount }) => sum + BigInt(recordCount), 0n);
}
