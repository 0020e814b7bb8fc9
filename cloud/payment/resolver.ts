import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { CLOCK_SKEW_MS_MAX } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { DELAY_MS_MAX } from './domain/resolution.ts';
import type { Payments } from './payments.ts';
import { claimCall, dueOperations, pendingTimes } from './store/calls.ts';
import type { PaymentTables } from './store/tables.ts';

/** Operations of one round; their calls run at once. */
export const BATCH_MAX = 50;
/** How soon an operation of another process that died is seen, after its lease. */
const LOOK_MS_MAX = 1_000;
const LOOK_MS_MIN = 10;
/** Without the acquirer's word for so long, the service says that it is degraded. */
const OLD_MS = 120_000;

export interface ResolverDeps {
  readonly sql: Sql<PaymentTables>;
  readonly payments: Payments;
  readonly runtime: Runtime;
  readonly leaseMs: number;
}

export interface Resolver {
  start(): void;
  stop(): Promise<void>;
  /** Why the service is not as it should be. */
  trouble(): string | undefined;
}

/**
 * Finds out what became of operations without the acquirer's word: those of a call that failed, and
 * those of a process that died. Two processes may both run it: a claim moves the lease.
 */
export function createResolver({ sql, payments, runtime, leaseMs }: ResolverDeps): Resolver {
  const { clock, log, metrics } = runtime;
  const pending = metrics.gauge(
    'holdfast_payment_pending_operations',
    "Operations that wait for the acquirer's word.",
  );
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let trouble: string | undefined;
  let wake = new AbortController();
  payments.onUnresolved((dueAt) => {
    const inMs = Number(dueAt - clock.nowMicros()) / 1000;
    clock.after(Math.max(0, inMs), () => wake.abort());
  });

  const round = async (): Promise<number> => {
    const now = clock.nowMicros();
    const latest = now + BigInt(Math.max(leaseMs, DELAY_MS_MAX) + CLOCK_SKEW_MS_MAX) * 1000n;
    const due = await dueOperations(sql, { now, latest, limit: BATCH_MAX });
    await Promise.all(
      due.map(async (operation) => {
        const claimed = await claimCall(sql, operation, { runtime, leaseMs });
        if (claimed) await payments.run(claimed);
      }),
    );
    const waiting = await pendingTimes(sql);
    pending.set(Number(waiting?.count ?? 0n));
    trouble = troubleOf(waiting?.since, clock.nowMicros());
    if (!waiting) return LOOK_MS_MAX;
    const inMs = Number(waiting.dueAt - clock.nowMicros()) / 1000;
    return Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, inMs));
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const pauseMs = await round().catch((err: unknown) => {
        trouble = `resolving failed: ${messageOf(err)}`;
        log.error({ err }, 'resolving payments failed; it is tried again');
        return LOOK_MS_MAX;
      });
      const either = AbortSignal.any([stopping.signal, wake.signal]);
      // Rejects when it is woken or told to stop, which the conditions see.
      await clock.sleep(pauseMs, either).catch(() => undefined);
      if (wake.signal.aborted) wake = new AbortController();
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
    trouble: () => trouble,
  };
}

function troubleOf(since: bigint | undefined, now: bigint): string | undefined {
  if (since === undefined || now - since < BigInt(OLD_MS) * 1000n) return undefined;
  const time = new Date(Number(since / 1000n)).toISOString();
  return `an operation waits for the acquirer since ${time}`;
}
