import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type Idempotency, type IdempotencyTables, SWEPT_MAX } from './idempotency.ts';

const IDLE_MS = 60_000;
/** Between two batches, while there are more: others want the database, too. */
const BUSY_MS = 100;

export interface IdempotencySweep {
  start(): void;
  stop(): Promise<void>;
  /** What failed the last time; undefined when nothing did. For the module's `degraded`. */
  failure(): string | undefined;
}

/** Forgets old answers beside the traffic. Several processes may do it at once. */
export function createIdempotencySweep<DB extends IdempotencyTables>(
  idempotency: Pick<Idempotency<DB>, 'sweep'>,
  { clock, log }: Pick<Runtime, 'clock' | 'log'>,
): IdempotencySweep {
  const stopping = new AbortController();
  let failed: string | undefined;
  let running: Promise<void> | undefined;
  // One that fails is tried again later and shown meanwhile (I4).
  const attempt = async (): Promise<number> => {
    try {
      const swept = await idempotency.sweep();
      failed = undefined;
      return swept;
    } catch (err) {
      failed = `sweeping failed: ${messageOf(err)}`;
      log.error({ err }, 'sweeping stored answers failed; it is tried again');
      return 0;
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const pauseMs = (await attempt()) < SWEPT_MAX ? IDLE_MS : BUSY_MS;
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
    failure: () => failed,
  };
}
