import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { Metrics } from '@holdfast/shared/runtime/metrics.ts';
import { type Applied, type ApplyDeps, applyDelivery, type Delivery } from '../store/apply.ts';

/** Records of one transaction, unless a single delivery has more. */
const RECORDS_PER_TRANSACTION = 16_384;
/** Transactions begin at least this far apart, so that many small deliveries share one sync. */
const GAP_MS = 25;
/** With this many records waiting, no more are waited for. */
const RECORDS_WITHOUT_GAP = 8_192;

export interface Applier {
  /** Resolves when the delivery's effects are committed. */
  apply(delivery: Delivery): Promise<void>;
}

interface Waiting {
  readonly delivery: Delivery;
  readonly records: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface ApplierDeps extends ApplyDeps {
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Lets deliveries of several partitions share a transaction, one transaction at a time. */
export function createApplier(deps: ApplierDeps): Applier {
  const counters = createCounters(deps.metrics);
  const waiting: Waiting[] = [];
  let running = false;
  let beganAt = Number.NEGATIVE_INFINITY;

  const pause = async (): Promise<void> => {
    const records = waiting.reduce((sum, entry) => sum + entry.records, 0);
    const restMs = beganAt + GAP_MS - deps.clock.monotonicMs();
    if (restMs > 0 && records < RECORDS_WITHOUT_GAP) await deps.clock.sleep(restMs);
  };
  const run = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) {
      await pause();
      beganAt = deps.clock.monotonicMs();
      const taken = waiting.splice(0, fitting(waiting));
      await settle(taken);
    }
    running = false;
  };
  const settle = async (taken: readonly Waiting[]): Promise<void> => {
    try {
      const delivery = joined(taken);
      const applied = await applyDelivery(deps, delivery);
      counters.repeated(delivery.repeatedRecords);
      counters.applied(applied, (deps.clock.monotonicMs() - beganAt) / 1000);
      for (const entry of taken) entry.resolve();
    } catch (error) {
      for (const entry of taken) entry.reject(error);
    }
  };
  return {
    apply: (delivery) =>
      new Promise((resolve, reject) => {
        const records = delivery.blocks.reduce((sum, block) => sum + block.recordCount, 0);
        waiting.push({ delivery, records, resolve, reject });
        if (!running) void run();
      }),
  };
}

/** How many of the first fit one transaction; at least one. */
function fitting(waiting: readonly Waiting[]): number {
  let records = 0;
  const end = waiting.findIndex((entry) => {
    records += entry.records;
    return records > RECORDS_PER_TRANSACTION;
  });
  return end === -1 ? waiting.length : Math.max(1, end);
}

function joined(taken: readonly Waiting[]): Delivery {
  const deliveries = taken.map((entry) => entry.delivery);
  const positions = deliveries.flatMap((delivery) => delivery.logPositions);
  // Of one partition the last counts: a statement must not write a row twice.
  const byPartition = new Map(positions.map((at) => [`${at.topic}/${at.partition}`, at]));
  return {
    blocks: deliveries.flatMap((delivery) => delivery.blocks),
    parked: deliveries.flatMap((delivery) => delivery.parked),
    repeatedRecords: deliveries.reduce((sum, delivery) => sum + delivery.repeatedRecords, 0),
    logPositions: [...byPartition.values()],
  };
}

const SECONDS_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10];

function createCounters(metrics: Metrics) {
  const records = metrics.counter(
    'holdfast_telemetry_records_total',
    'Records taken from the log, by what became of them.',
    ['outcome'],
  );
  const parkedBlocks = metrics.counter(
    'holdfast_telemetry_parked_total',
    'Blocks kept aside because they could not be applied.',
    ['reason'],
  );
  const batchSeconds = metrics.histogram(
    'holdfast_telemetry_batch_seconds',
    'From taking deliveries to their commit.',
    { buckets: SECONDS_BUCKETS },
  );
  return {
    repeated: (count: number): void => records.add(count, { outcome: 'repeat' }),
    applied({ plan, parked }: Applied, seconds: number): void {
      records.add(recordsOf(plan.applied), { outcome: 'applied' });
      records.add(recordsOf(plan.repeated), { outcome: 'repeat' });
      records.add(recordsOf(parked), { outcome: 'parked' });
      for (const { reason } of parked) parkedBlocks.add(1, { reason });
      batchSeconds.observe(seconds);
    },
  };
}

function recordsOf(blocks: readonly { readonly recordCount: number }[]): number {
  return blocks.reduce((sum, block) => sum + block.recordCount, 0);
}
