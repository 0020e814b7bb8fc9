import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError } from '@holdfast/shared/lib/assert.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogBatch, LogEvent } from '../../platform/event-log/event-log.ts';
import { type OpenedBlock, openBlockEvent } from '../domain/block-event.ts';
import type { Delivery } from '../store/apply.ts';
import type { Applier } from './applier.ts';
import { consumeSpans } from './consume-spans.ts';

export const TOPIC = 'telemetry.batches';
const GROUP = 'telemetry';
const EVENTS_MAX = 256;
/** Records that are read and applied in one go: bounds memory and how long a transaction is. */
const RECORDS_PER_DELIVERY = 8_192;
/** Records that are read before the event loop gets a turn. */
const RECORDS_PER_TURN = 4_096;

export interface BlockConsumerDeps {
  readonly runtime: Runtime;
  readonly applier: Applier;
}

/**
 * Subscribes to the blocks. The batch counts as handled when the last of its deliveries is
 * committed.
 */
export function consumeBlocks(log: EventLog, deps: BlockConsumerDeps) {
  return log.subscribe({
    group: GROUP,
    topics: [TOPIC],
    batchMax: EVENTS_MAX,
    handle: (batch) => handleBlocks(batch, deps),
    onError: (err, { partition }) => {
      deps.runtime.log.warn({ err, partition }, 'blocks were not applied; they come again');
    },
  });
}

export async function handleBlocks(batch: LogBatch, deps: BlockConsumerDeps): Promise<void> {
  let from = 0;
  while (from < batch.events.length) {
    const opened = await openSome(batch.events, from, deps.runtime);
    const events = batch.events.slice(from, from + opened.length);
    await consumeSpans(deps.runtime.tracing, events, () => apply(opened, events, deps));
    from += opened.length;
  }
}

/** Opens events from `from` on, as many as one transaction should hold. */
async function openSome(
  events: readonly LogEvent[],
  from: number,
  { clock }: Runtime,
): Promise<readonly OpenedBlock[]> {
  const opened: OpenedBlock[] = [];
  let records = 0;
  let sinceTurn = 0;
  for (const event of events.slice(from)) {
    if (sinceTurn >= RECORDS_PER_TURN) {
      await clock.sleep(0);
      sinceTurn = 0;
    }
    const { topic, partition, offset, value: body, headers } = event;
    const block = openBlockEvent(headers, { topic, partition, offset, body });
    opened.push(block);
    const count = block.kind === 'block' ? block.block.recordCount : 1;
    records += count;
    sinceTurn += count;
    if (records >= RECORDS_PER_DELIVERY) break;
  }
  return opened;
}

async function apply(
  opened: readonly OpenedBlock[],
  events: readonly LogEvent[],
  deps: BlockConsumerDeps,
): Promise<void> {
  try {
    await deps.applier.apply(deliveryOf(opened, events.at(-1)!));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    deps.runtime.log.warn({ err: error }, 'the database refused a delivery; trying block by block');
    for (const [index, block] of opened.entries()) await applyOrPark(block, events[index]!, deps);
  }
}

/** A block that the database refuses is parked: it must not stop its lane (I4). */
async function applyOrPark(
  opened: OpenedBlock,
  event: LogEvent,
  { applier }: BlockConsumerDeps,
): Promise<void> {
  try {
    await applier.apply(deliveryOf([opened], event));
  } catch (error) {
    if (!isRefusal(error) || opened.kind === 'parked') throw error;
    const { block } = opened;
    const detail = error instanceof Error ? error.message : String(error);
    const { origin, recordCount, key, range } = block;
    const firstSequence = range.first;
    const parked = { reason: 'refused' as const, detail, origin, recordCount, key, firstSequence };
    await applier.apply(deliveryOf([{ kind: 'parked', parked }], event));
  }
}

function deliveryOf(opened: readonly OpenedBlock[], last: LogEvent): Delivery {
  const { topic, partition, offset } = last;
  return {
    blocks: opened.flatMap((one) => (one.kind === 'block' ? [one.block] : [])),
    parked: opened.flatMap((one) => (one.kind === 'parked' ? [one.parked] : [])),
    logPositions: [{ topic, partition, nextOffset: offset + 1n }],
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
