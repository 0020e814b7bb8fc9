import { LIVE_HEADER } from '@holdfast/shared/contracts/events.ts';
import { gatewayOf } from '@holdfast/shared/domain/block-event.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError } from '@holdfast/shared/lib/assert.ts';
import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogBatch, LogEvent } from '../../platform/event-log/event-log.ts';
import { type OpenedBlock, openBlockEvent } from '../domain/block-event.ts';
import { type Delivery, readPositions } from '../store/apply.ts';
import type { TelemetryTables } from '../store/tables.ts';
import type { Applier } from './applier.ts';
import { consumeSpans } from './consume-spans.ts';

export const TOPIC = 'telemetry.batches';
/**
 * The second reads the same topic and takes live blocks only: it is never far behind, so that what
 * is measured now is answered while the first still applies what was left from an outage. The first
 * comes to the same blocks later and finds them held.
 */
const GROUPS = { all: 'telemetry', live: 'telemetry-live' } as const;
const EVENTS_MAX = 256;
/** Records that are read and applied in one go: bounds memory and how long a transaction is. */
const RECORDS_PER_DELIVERY = 8_192;
/** Records that are read before the event loop gets a turn; a block of more is one turn's work. */
const RECORDS_PER_TURN = 2_048;

export interface BlockConsumerDeps {
  readonly sql: Sql<TelemetryTables>;
  readonly runtime: Runtime;
  readonly applier: Applier;
}

/**
 * Subscribes to the blocks, to all of them or to the live ones. The batch counts as handled when
 * the last of its deliveries is committed.
 */
export function consumeBlocks(log: EventLog, which: keyof typeof GROUPS, deps: BlockConsumerDeps) {
  return log.subscribe({
    group: GROUPS[which],
    topics: [TOPIC],
    batchMax: EVENTS_MAX,
    handle: which === 'all' ? (batch) => handleBlocks(batch, deps) : (b) => handleLive(b, deps),
    onError: (err, { partition }) => {
      deps.runtime.log.warn({ err, partition }, 'blocks were not applied; they come again');
    },
  });
}

export async function handleBlocks(batch: LogBatch, deps: BlockConsumerDeps): Promise<void> {
  await handle(batch.events, deps, (last) => [
    { topic: last.topic, partition: last.partition, nextOffset: last.offset + 1n },
  ]);
}

/** What is passed over here is the other group's: where that stands is no matter of this one. */
export async function handleLive({ events }: LogBatch, deps: BlockConsumerDeps): Promise<void> {
  const live = events.filter(({ headers }) => headers[LIVE_HEADER] === '1');
  await handle(live, deps, () => []);
}

/** Where the log stands after an event, as far as that is to be noted. */
type PositionsAfter = (last: LogEvent) => Delivery['logPositions'];

async function handle(
  events: readonly LogEvent[],
  deps: BlockConsumerDeps,
  positionsAfter: PositionsAfter,
): Promise<void> {
  for (let from = 0; from < events.length; ) {
    const opened = await openSome(events.slice(from), deps);
    const some = events.slice(from, from + opened.length);
    const slice = { opened, events: some, positionsAfter };
    // A block that the other group applied has its spans from there.
    const fresh = some.filter((_, index) => opened[index]?.kind !== 'repeat');
    await consumeSpans(deps.runtime.tracing, fresh, () => apply(slice, deps));
    from += opened.length;
  }
}

/** Opens the first events, as many as one transaction should hold. */
async function openSome(
  events: readonly LogEvent[],
  { sql, runtime }: BlockConsumerDeps,
): Promise<readonly OpenedBlock[]> {
  const gateways = events.flatMap(({ headers }) => gatewayOf(headers) ?? []);
  const held = await sql.read((db) => readPositions(db, gateways));
  const opened: OpenedBlock[] = [];
  let records = 0;
  let sinceTurn = 0;
  for (const event of events) {
    if (sinceTurn >= RECORDS_PER_TURN) {
      await runtime.clock.sleep(0);
      sinceTurn = 0;
    }
    const { topic, partition, offset, value: body, headers } = event;
    const block = openBlockEvent(headers, { topic, partition, offset, body }, held);
    opened.push(block);
    const count = block.kind === 'block' ? block.block.recordCount : 1;
    records += count;
    sinceTurn += count;
    if (records >= RECORDS_PER_DELIVERY) break;
  }
  return opened;
}

interface Slice {
  readonly opened: readonly OpenedBlock[];
  readonly events: readonly LogEvent[];
  readonly positionsAfter: PositionsAfter;
}

async function apply(slice: Slice, deps: BlockConsumerDeps): Promise<void> {
  const { opened, events, positionsAfter } = slice;
  try {
    await deps.applier.apply(deliveryOf(opened, positionsAfter(events.at(-1)!)));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    deps.runtime.log.warn({ err: error }, 'the database refused a delivery; trying block by block');
    for (const [index, block] of opened.entries()) {
      await applyOrPark(block, positionsAfter(events[index]!), deps);
    }
  }
}

/** A block that the database refuses is parked: it must not stop its lane (I4). */
async function applyOrPark(
  opened: OpenedBlock,
  logPositions: Delivery['logPositions'],
  { applier }: BlockConsumerDeps,
): Promise<void> {
  try {
    await applier.apply(deliveryOf([opened], logPositions));
  } catch (error) {
    if (!isRefusal(error) || opened.kind !== 'block') throw error;
    const { block } = opened;
    const detail = messageOf(error);
    const { origin, recordCount, key, range } = block;
    const firstSequence = range.first;
    const parked = { reason: 'refused' as const, detail, origin, recordCount, key, firstSequence };
    await applier.apply(deliveryOf([{ kind: 'parked', parked }], logPositions));
  }
}

function deliveryOf(
  opened: readonly OpenedBlock[],
  logPositions: Delivery['logPositions'],
): Delivery {
  return {
    blocks: opened.flatMap((one) => (one.kind === 'block' ? [one.block] : [])),
    parked: opened.flatMap((one) => (one.kind === 'parked' ? [one.parked] : [])),
    repeatedRecords: opened.reduce(
      (sum, one) => sum + (one.kind === 'repeat' ? one.recordCount : 0),
      0,
    ),
    logPositions,
  };
}

/**
 * True when the same delivery would fail the same way again, whatever the state of disk, network
 * and neighbours.
 */
function isRefusal(error: unknown): boolean {
  if (error instanceof AssertionError) return false;
  return !(error instanceof AppError) || error.code === 'REQUEST_INVALID';
}
