import { TOPICS } from '@holdfast/shared/contracts/topics.ts';
import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import { TOPIC } from './events/block-consumer.ts';
import type { TelemetrySettings } from './settings.ts';
import { foldHour, hoursToFold } from './store/fold.ts';
import { logPositions } from './store/log-positions.ts';
import { forgetParked } from './store/parked.ts';
import { forgetMinutes, forgetReadings } from './store/retention.ts';
import type { TelemetryTables } from './store/tables.ts';
import { takeUpkeep } from './store/upkeep-lease.ts';

/** Between two looks for work, and between two steps while there is some. */
const IDLE_MS = 1_000;
const BUSY_MS = 20;
/** A step begins no new hour after this long. */
const STEP_MS_MAX = 100;
/** Hours whose transactions may share a sync. */
const FOLDED_TOGETHER = 8;
const FORGET_EVERY_MS = 60_000;
const LAG_EVERY_MS = 5_000;
const DAY_MICROS = 86_400_000_000n;

export interface UpkeepDeps {
  readonly sql: Sql<TelemetryTables>;
  readonly log: EventLog;
  readonly runtime: Runtime;
  readonly settings: TelemetrySettings;
}

export interface Upkeep {
  start(): void;
  stop(): Promise<void>;
  /** What failed the last time that it ran; undefined when nothing did. */
  failure(): string | undefined;
}

/** Folds, forgets and measures, in small steps beside the traffic. */
export function createUpkeep(deps: UpkeepDeps): Upkeep {
  const { clock, log, random } = deps.runtime;
  const holder = random.bytes(12).toString('hex');
  const chores = [
    { name: 'folding', everyMs: 0, run: () => fold(deps, holder) },
    { name: 'forgetting', everyMs: FORGET_EVERY_MS, run: () => forget(deps) },
    { name: 'measuring the lag', everyMs: LAG_EVERY_MS, run: lagMeter(deps) },
  ].map((chore) => ({ ...chore, dueAt: 0 }));
  const stopping = new AbortController();
  const failures = new Map<string, string>();
  let running: Promise<void> | undefined;

  const step = async (): Promise<Outcome> => {
    let outcome: Outcome = 'idle';
    for (const chore of chores) {
      const now = clock.monotonicMs();
      if (now < chore.dueAt || stopping.signal.aborted) continue;
      const done = await attempt(chore);
      if (done === 'more') outcome = 'more';
      else chore.dueAt = now + chore.everyMs;
    }
    return outcome;
  };
  // One that fails is tried again later and shown meanwhile; it must not keep the others from their
  // work (I4).
  const attempt = async ({ name, run }: Chore): Promise<Outcome> => {
    try {
      const outcome = await run();
      failures.delete(name);
      return outcome;
    } catch (err) {
      failures.set(name, `${name} failed: ${messageOf(err)}`);
      log.error({ err, chore: name }, 'upkeep failed; it is tried again');
      return 'idle';
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const pauseMs = (await step()) === 'more' ? BUSY_MS : IDLE_MS;
      // Rejects when it is told to stop, which the condition sees.
      await clock.sleep(pauseMs, stopping.signal).catch(() => undefined);
    }
  };
  return {
    start() {
      running = loop();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    failure: () => failures.values().next().value,
  };
}

type Outcome = 'idle' | 'more';

interface Chore {
  readonly name: string;
  readonly everyMs: number;
  readonly run: () => Promise<Outcome>;
}

async function fold({ sql, runtime, settings }: UpkeepDeps, holder: string): Promise<Outcome> {
  const { clock } = runtime;
  const now = clock.nowMicros();
  const restMicros = BigInt(settings.foldAfterMs) * 1000n;
  const hours = await hoursToFold(sql, { now, restMicros });
  if (hours.length === 0 || !(await takeUpkeep(sql, { holder, now }))) return 'idle';
  const endMs = clock.monotonicMs() + STEP_MS_MAX;
  for (let from = 0; from < hours.length && clock.monotonicMs() <= endMs; from += FOLDED_TOGETHER) {
    const some = hours.slice(from, from + FOLDED_TOGETHER);
    await Promise.all(some.map((hour) => foldHour(sql, hour, now)));
  }
  return 'more';
}

async function forget({ sql, runtime, settings }: UpkeepDeps): Promise<Outcome> {
  const now = runtime.clock.nowMicros();
  const readings = await forgetReadings(sql, now - BigInt(settings.rawRetentionDays) * DAY_MICROS);
  const minutes = await forgetMinutes(sql, now - BigInt(settings.minuteRetentionDays) * DAY_MICROS);
  const parked = await forgetParked(sql, now - BigInt(settings.parkedRetentionDays) * DAY_MICROS);
  return readings + minutes + parked > 0 ? 'more' : 'idle';
}

function lagMeter({ sql, log, runtime }: UpkeepDeps): () => Promise<Outcome> {
  const lag = runtime.metrics.gauge(
    'holdfast_telemetry_lag_events',
    'Events in the log that are not applied yet.',
    ['partition'],
  );
  return async () => {
    const positions = await logPositions(sql, TOPIC);
    for (let partition = 0; partition < TOPICS[TOPIC].partitionCount; partition++) {
      const end = await log.endOffset(TOPIC, partition);
      const next = positions.get(partition) ?? 0n;
      lag.set(Math.max(0, Number(end - next)), { partition: String(partition) });
    }
    return 'idle';
  };
}
