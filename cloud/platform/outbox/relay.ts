import type { Topic } from '@holdfast/shared/contracts/topics.ts';
import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogRecord } from '../event-log/event-log.ts';
import { appendTraced } from './append-traced.ts';
import type { OutboxTables } from './outbox.ts';
import { RelayLease } from './relay-lease.ts';

export const RELAY_LEASE_MS = 3000;
/** How soon a row is seen that another process wrote. */
export const RELAY_POLL_MS = 200;
/** Rounds begin at least this far apart, so that what comes together goes out together. */
export const RELAY_GATHER_MS = 25;
const BATCH_ROWS_MAX = 100;
/** The lease is renewed before a batch when this part of it has passed. */
const RENEWALS_PER_LEASE = 3;
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 5000;

export interface RelayOptions<DB extends OutboxTables> {
  /** The service: names the module `<service>-relay`. */
  readonly service: string;
  readonly sql: Sql<DB>;
  readonly log: EventLog;
  readonly runtime: Pick<Runtime, 'clock' | 'random' | 'log' | 'steps' | 'tracing'>;
  readonly needs?: readonly string[];
  readonly leaseMs?: number;
  readonly pollMs?: number;
  /** Default RELAY_GATHER_MS; less where somebody waits for the events. */
  readonly gatherMs?: number;
}

export interface Relay extends Module {
  /** A transaction that wrote to the outbox was committed in this process. */
  nudge(): void;
}

/**
 * Publishes the rows of a service's outbox. Each process of the service runs one; at any time one
 * of them holds the lease.
 *
 * A row is removed after the log has it, never before, so each event comes at least once. Rows are
 * found by being there, not by an id above the last one: a transaction that commits late may have a
 * lower id. A later row of an aggregate is never seen without the earlier, since the transaction
 * that counts its sequence waits for the one before; so the first time that each event comes is in
 * its aggregate's order. What a relay whose lease was taken publishes once more, comes again.
 */
export function createRelay<DB extends OutboxTables>(options: RelayOptions<DB>): Relay {
  const name = `${options.service}-relay`;
  let loop: RelayLoop | undefined;
  return {
    name,
    needs: options.needs ?? [],
    async start() {
      loop = new RelayLoop(options as unknown as RelayOptions<OutboxTables>);
    },
    stop: async () => loop?.stop(),
    nudge: () => loop?.nudge(),
    degraded: () => loop?.failure,
  };
}

const selectOldest = statement<OutboxTables, { readonly count: number }>()((db, { count }) =>
  db.selectFrom('outbox').selectAll().orderBy('id').limit(count),
);

const deleteRows = statement<OutboxTables, { readonly ids: readonly bigint[] }>()((db, { ids }) =>
  db.deleteFrom('outbox').where('id', 'in', ids),
);

function oldestRows(sql: Sql<OutboxTables>, count: number) {
  return sql.read((db) => selectOldest.all(db, { count }));
}

/** Rows that went out, and whether this relay may publish at all. */
interface Round {
  readonly published: number;
  readonly isHolder: boolean;
}

class RelayLoop {
  readonly #options: RelayOptions<OutboxTables>;
  readonly #lease: RelayLease;
  readonly #leaseMs: number;
  readonly #done: Promise<void>;
  #trustedUntilMs = 0;
  #stopping = false;
  #nudged = false;
  #onNudge: (() => void) | undefined;
  #onStop: (() => void) | undefined;
  failure: string | undefined;

  constructor(options: RelayOptions<OutboxTables>) {
    const { sql, runtime, leaseMs = RELAY_LEASE_MS } = options;
    this.#options = options;
    this.#leaseMs = leaseMs;
    const holder = runtime.random.bytes(8).toString('hex');
    this.#lease = new RelayLease({ sql, holder, leaseMs });
    this.#done = this.#run();
  }

  nudge(): void {
    this.#nudged = true;
    this.#onNudge?.();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#onStop?.();
    await this.#done;
    await this.#lease.release();
  }

  async #run(): Promise<void> {
    const { runtime, pollMs = RELAY_POLL_MS, gatherMs = RELAY_GATHER_MS } = this.#options;
    for (let failures = 0; !this.#stopping; ) {
      const nextMs = runtime.clock.monotonicMs() + gatherMs;
      this.#nudged = false;
      try {
        const { published, isHolder } = await this.#publishBatch();
        failures = 0;
        this.failure = undefined;
        if (published === BATCH_ROWS_MAX) continue;
        const gapMs = nextMs - runtime.clock.monotonicMs();
        if (published > 0 && gapMs > 0) await this.#pause(gapMs, { nudge: false });
        // While another relay holds the lease a nudge changes nothing here.
        await this.#pause(pollMs, { nudge: isHolder });
      } catch (cause) {
        runtime.log.warn({ err: cause }, 'cannot publish the outbox');
        this.failure = `cannot publish: ${messageOf(cause)}`;
        const longest = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** failures++);
        await this.#pause(longest * (0.5 + runtime.random.fraction() / 2), { nudge: false });
      }
    }
  }

  async #publishBatch(): Promise<Round> {
    const { sql, log, runtime } = this.#options;
    const line = { log, tracing: runtime.tracing };
    const isTrusted = runtime.clock.monotonicMs() < this.#trustedUntilMs;
    let rows = await oldestRows(sql, isTrusted ? BATCH_ROWS_MAX : 1);
    // An idle relay does not renew: who has something to publish takes the lease.
    if (rows.length === 0) return { published: 0, isHolder: true };
    if (!isTrusted) {
      if (!(await this.#takeLease())) return { published: 0, isHolder: false };
      // Read under the lease: what another holder published it has also removed.
      rows = await oldestRows(sql, BATCH_ROWS_MAX);
    }
    const byTopic = Map.groupBy(rows, (row) => row.topic as Topic);
    runtime.steps.reach('outbox.publish.before');
    await Promise.all(
      [...byTopic].map(([topic, each]) => appendTraced(line, topic, each.map(recordOf))),
    );
    runtime.steps.reach('outbox.published');
    await this.#remove(rows.map(({ id }) => id));
    runtime.steps.reach('outbox.removed');
    return { published: rows.length, isHolder: true };
  }

  async #takeLease(): Promise<boolean> {
    const { clock } = this.#options.runtime;
    const askedAtMs = clock.monotonicMs();
    if (!(await this.#lease.hold())) return false;
    this.#trustedUntilMs = askedAtMs + this.#leaseMs / RENEWALS_PER_LEASE;
    return true;
  }

  /**
   * Whoever holds the lease by now: the log has these events, and nobody has to bring them again.
   */
  async #remove(ids: readonly bigint[]): Promise<void> {
    await this.#options.sql.transaction((tx) => deleteRows.run(tx, { ids }));
  }

  #pause(ms: number, { nudge }: { nudge: boolean }): Promise<void> {
    if (this.#stopping || (nudge && this.#nudged)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#onStop = undefined;
        this.#onNudge = undefined;
        resolve();
      };
      const timer = this.#options.runtime.clock.after(ms, end);
      this.#onStop = end;
      if (nudge) this.#onNudge = end;
    });
  }
}

function recordOf(row: { key: string; headers: string; value: Uint8Array }): LogRecord {
  return { key: row.key, headers: JSON.parse(row.headers), value: row.value };
}
