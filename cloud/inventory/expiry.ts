import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Desk } from './store/desk.ts';
import { overdueReservations } from './store/reservations.ts';
import type { InventoryTables } from './store/tables.ts';

/** Reservations that one look ends. */
export const EXPIRED_TOGETHER_MAX = 256;

export interface Expiry {
  start(): void;
  stop(): Promise<void>;
  /** Ends what is overdue, at most EXPIRED_TOGETHER_MAX; how many. */
  sweep(): Promise<number>;
  failure(): string | undefined;
}

/**
 * Gives back what was held and not confirmed in time. Each process looks; what two find is ended
 * once, since the ledger looks again at its turn.
 */
export function createExpiry(options: {
  readonly sql: Sql<InventoryTables>;
  readonly desk: Desk;
  readonly runtime: Pick<Runtime, 'clock' | 'log'>;
  readonly everyMs: number;
}): Expiry {
  const { sql, desk, runtime, everyMs } = options;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let failure: string | undefined;

  const sweep = async (): Promise<number> => {
    const now = runtime.clock.nowMicros();
    const found = await sql.read((db) => overdueReservations(db, now, EXPIRED_TOGETHER_MAX));
    await Promise.all(
      found.map(({ tenant, id }) => desk.run({ kind: 'expire', tenant, reservationId: id })),
    );
    return found.length;
  };
  const attempt = async (): Promise<number> => {
    try {
      const count = await sweep();
      failure = undefined;
      return count;
    } catch (err) {
      // Tried again at the next look, and shown meanwhile (I4).
      failure = `expiring failed: ${messageOf(err)}`;
      runtime.log.error({ err }, 'reservations were not expired; it is tried again');
      return 0;
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      if ((await attempt()) === EXPIRED_TOGETHER_MAX) continue;
      // Rejects when it is told to stop, which the condition sees.
      await runtime.clock.sleep(everyMs, stopping.signal).catch(() => undefined);
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
    sweep,
    failure: () => failure,
  };
}
