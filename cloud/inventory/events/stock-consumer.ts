import {
  gatewayOf,
  type OpenedBlock,
  openBlockEvent,
} from '@holdfast/shared/domain/block-event.ts';
import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogBatch, LogEvent } from '../../platform/event-log/event-log.ts';
import { type StockFact, stockFacts } from '../domain/stock-facts.ts';
import { type Applied, applyStockBlocks, type LedgerWriter } from '../store/apply-blocks.ts';
import { readPositions } from '../store/streams.ts';
import type { InventoryTables } from '../store/tables.ts';

const TOPIC = 'telemetry.batches';
const LANE = '/stock';
const EVENTS_MAX = 256;
/** Records of one transaction, unless a single block has more. */
const RECORDS_MAX = 1_024;

export type OpenedStock = OpenedBlock<readonly StockFact[]>;

export interface StockConsumerDeps {
  readonly sql: Sql<InventoryTables>;
  readonly ledger: LedgerWriter;
  readonly runtime: Runtime;
  /** True when an error is about this delivery alone, and would come again with it. */
  readonly isRefusal: (error: unknown) => boolean;
}

/** Books what the warehouses did: the lane `stock` of every gateway, in the order of its log. */
export function consumeStock(log: EventLog, deps: StockConsumerDeps) {
  return log.subscribe({
    group: 'inventory',
    topics: [TOPIC],
    batchMax: EVENTS_MAX,
    handle: (batch) => handleStock(batch, deps),
    onError: (err, { partition }) => {
      deps.runtime.log.warn({ err, partition }, 'movements were not booked; they come again');
    },
  });
}

/** Resolves when the effects of all are committed. */
export async function handleStock({ events }: LogBatch, deps: StockConsumerDeps): Promise<void> {
  // Other lanes are by far the most, and are told by their subject.
  const own = events.filter(({ headers }) => headers['ce_subject']?.endsWith(LANE));
  if (own.length === 0) return;
  const gateways = own.flatMap(({ headers }) => gatewayOf(headers) ?? []);
  const held = await deps.sql.read((db) => readPositions(db, gateways));
  const opened = own.map((event) => open(event, held));
  for (let from = 0; from < opened.length; ) {
    const some = firstOf(opened.slice(from));
    await applyAll(some, deps);
    from += some.length;
  }
}

function open(event: LogEvent, held: Parameters<typeof openBlockEvent>[2]['held']): OpenedStock {
  const { headers, topic, partition, offset, value: body } = event;
  return openBlockEvent(headers, { topic, partition, offset, body }, { held, read: stockFacts });
}

function firstOf(opened: readonly OpenedStock[]): readonly OpenedStock[] {
  let records = 0;
  const end = opened.findIndex((one) => {
    records += one.kind === 'block' ? one.block.recordCount : 0;
    return records > RECORDS_MAX;
  });
  return end === -1 ? opened : opened.slice(0, Math.max(1, end));
}

async function applyAll(opened: readonly OpenedStock[], deps: StockConsumerDeps): Promise<void> {
  try {
    count(deps.runtime, await applyStockBlocks(deps.ledger, opened));
  } catch (error) {
    if (!deps.isRefusal(error)) throw error;
    deps.runtime.log.warn({ err: error }, 'the database refused movements; trying block by block');
    for (const one of opened) await applyOrPark(one, deps);
  }
}

/** A block that the database refuses is parked: it must not stop its lane (I4). */
async function applyOrPark(opened: OpenedStock, deps: StockConsumerDeps): Promise<void> {
  try {
    count(deps.runtime, await applyStockBlocks(deps.ledger, [opened]));
  } catch (error) {
    if (!deps.isRefusal(error) || opened.kind !== 'block') throw error;
    const { origin, recordCount, key, range } = opened.block;
    const detail = messageOf(error);
    const known = { origin, recordCount, key, firstSequence: range.first };
    const parked = { reason: 'refused' as const, detail, ...known };
    count(deps.runtime, await applyStockBlocks(deps.ledger, [{ kind: 'parked', parked }]));
  }
}

function count({ metrics }: Runtime, { booked, repeated, parked }: Applied): void {
  const movements = metrics.counter(
    'holdfast_inventory_movements_total',
    'Movements of the warehouses, by what became of them.',
    ['outcome'],
  );
  const aside = metrics.counter(
    'holdfast_inventory_parked_total',
    'Messages and blocks of the lane stock that were set aside.',
    ['reason'],
  );
  movements.add(booked, { outcome: 'booked' });
  movements.add(repeated, { outcome: 'repeat' });
  for (const reason of parked) aside.add(1, { reason });
}
