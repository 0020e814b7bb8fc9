import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Outbox } from '../platform/outbox/outbox.ts';
import { type Change, changeOf } from './domain/change.ts';
import type { HistoryEntry } from './domain/history.ts';
import type { Order } from './domain/order.ts';
import type { Fact } from './domain/order-states.ts';
import {
  type Answered,
  judge,
  mayGoOn,
  mayWait,
  retryDelayMs,
  type SagaLimits,
  type Work,
  workOf,
} from './domain/saga.ts';
import type { PeerCallName } from './domain/steps.ts';
import { type PeerCalls, SAGA_ACTOR } from './peer-calls.ts';
import type { OrderWorker } from './routes/order-routes.ts';
import {
  advance,
  FIRST_EPOCH,
  type HeldOrder,
  type NextLease,
  postpone,
  releaseAll,
} from './store/leases.ts';
import { NEVER, type OrderTables } from './store/tables.ts';
import type { Step } from './store/write-change.ts';

/** Orders that wait for a place; beyond, nobody may place one in this process. */
export const WAITING_MAX = 5_000;
/**
 * Nor while the first in line has waited this long: orders come faster than they can be worked on,
 * and those that come now would wait ever longer.
 */
export const WAIT_MS_MAX = 5_000;
/** The steps that are under way may take this long to end when the process drains. */
const DRAIN_MS_MAX = 8_000;
/** How long the answers to an order's steps may wait for one transaction. */
const UNSTORED_MS_MAX = 250;

export interface SagaOptions {
  readonly sql: Sql<OrderTables>;
  readonly runtime: Runtime;
  readonly outbox: Outbox;
  readonly calls: PeerCalls;
  readonly limits: SagaLimits;
  /** Orders that are worked on at once. */
  readonly ordersMax: number;
  readonly leaseMs: number;
  /** A transaction with events was committed. */
  readonly onEvents: () => void;
}

/** Works on an order that this process holds as soon as there is a place. */
export interface SagaRunner extends OrderWorker {
  stop(): Promise<void>;
}

/**
 * Works on orders, up to `ordersMax` at once. What it knows of an order it has from the row that it
 * holds; it asks peers outside every transaction, and writes what came of it unless its lease has
 * passed on.
 */
export function createSagaRunner(options: SagaOptions): SagaRunner {
  return new Runner(options);
}

/** `idle`: nothing more to do, now or in this process. */
type Turn = { readonly kind: 'on'; readonly held: HeldOrder } | { readonly kind: 'idle' };
const IDLE: Turn = { kind: 'idle' };

class Runner implements SagaRunner {
  readonly #options: SagaOptions;
  readonly #waiting: { readonly held: HeldOrder; readonly sinceMs: number }[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #settled: { add(value: number, labels: { state: string }): void };
  readonly #line: { set(value: number): void };
  #stopping = false;
  readonly holder: string;

  constructor(options: SagaOptions) {
    this.#options = options;
    this.holder = options.runtime.random.bytes(8).toString('hex');
    this.#settled = options.runtime.metrics.counter(
      'holdfast_order_transitions_total',
      'Changes of state that the saga made',
      ['state'],
    );
    this.#line = options.runtime.metrics.gauge(
      'holdfast_order_waiting',
      'Orders that wait for a place in this process.',
    );
  }

  room(): number {
    const [first] = this.#waiting;
    const isLate = first !== undefined && this.#waitedMs(first) > WAIT_MS_MAX;
    if (this.#stopping || isLate) return 0;
    return WAITING_MAX - this.#waiting.length;
  }

  leaseUntil(): bigint {
    return this.#options.runtime.clock.nowMicros() + BigInt(this.#options.leaseMs) * 1000n;
  }

  take(held: HeldOrder): void {
    this.#waiting.push({ held, sinceMs: this.#options.runtime.clock.monotonicMs() });
    this.#fill();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#waiting.length = 0;
    const { sql, runtime } = this.#options;
    const { clock } = runtime;
    const running = Promise.all([...this.#running]).then(() => undefined);
    await Promise.race([running, patience(clock)]);
    // Whoever has not ended is fenced by this, and another process goes on at once.
    await releaseAll(sql, { holder: this.holder, now: clock.nowMicros() });
  }

  #waitedMs({ sinceMs }: { readonly sinceMs: number }): number {
    return this.#options.runtime.clock.monotonicMs() - sinceMs;
  }

  #fill(): void {
    while (this.#running.size < this.#options.ordersMax && !this.#stopping) {
      const next = this.#waiting.shift();
      if (!next) break;
      // It waited so long that the lease may end within a step: the sweep takes it up anew.
      if (this.#waitedMs(next) > this.#options.leaseMs / 2) continue;
      const run = this.#run(next.held).finally(() => {
        this.#running.delete(run);
        this.#fill();
      });
      this.#running.add(run);
    }
    this.#line.set(this.#waiting.length);
  }

  /** Until it rests, waits, is fenced, or the process drains. */
  async #run(first: HeldOrder): Promise<void> {
    const { tracing } = this.#options.runtime;
    const { id, traceparent: parent } = first.order;
    await tracing.span('order.saga', { attributes: { 'order.id': id }, parent }, async () => {
      let turn: Turn = { kind: 'on', held: first };
      while (turn.kind === 'on' && !this.#stopping) turn = await this.#attempt(turn.held);
    });
  }

  /** What cannot be written now is tried again soon, from what is stored (I9). */
  async #attempt(held: HeldOrder): Promise<Turn> {
    const { log } = this.#options.runtime;
    try {
      return await this.#turn(held);
    } catch (err) {
      if (!(err instanceof AppError)) throw err;
      log.warn({ err, order: held.order.id }, 'an order was put down; it is taken up again');
    }
    // When this fails, too, the end of the lease does the same.
    return this.#later(held, []).catch((err: unknown) => {
      if (!(err instanceof AppError)) throw err;
      return IDLE;
    });
  }

  /** Step after step until one has to be stored, then all of them in one transaction. */
  async #turn(held: HeldOrder): Promise<Turn> {
    const { runtime, limits, leaseMs } = this.#options;
    const endMs = runtime.clock.monotonicMs() + Math.min(UNSTORED_MS_MAX, leaseMs / 4);
    const steps: Step[] = [];
    let { order } = held;
    for (;;) {
      const work = workOf(order, runtime.clock.nowMicros(), limits);
      if (work.kind === 'none' || work.kind === 'wait') break;
      const found = await this.#find({ ...held, order }, work);
      if (found.kind === 'again') {
        const rest: Turn =
          steps.length > 0 ? await this.#commit(held, steps) : { kind: 'on', held };
        return rest.kind === 'on' ? this.#later(rest.held, found.calls) : IDLE;
      }
      const { change } = found.step;
      steps.push(found.step);
      order = change.after;
      // The lease is surely held that long: nobody else has taken the order up and ended it.
      const isOnTime = runtime.clock.monotonicMs() < endMs && !this.#stopping;
      if (!mayWait(change.fact) || !isOnTime) break;
    }
    return steps.length > 0 ? this.#commit(held, steps) : IDLE;
  }

  /** What comes of the order's next work. */
  async #find(held: HeldOrder, work: Exclude<Work, { kind: 'none' | 'wait' }>): Promise<Found> {
    const { order, epoch } = held;
    if (work.kind === 'fact') {
      const { fact, reason } = work;
      return { kind: 'step', step: this.#step(order, { fact, reason, calls: [], sites: [] }) };
    }
    const { answered, entries: calls } = await this.#ask(order, work);
    const verdict = judge(order, answered, { repeated: epoch > FIRST_EPOCH });
    if (verdict.kind === 'again') return { kind: 'again', calls };
    const { fact, reason } = verdict;
    const sites = answered.flatMap(({ answer }) => ('sites' in answer ? (answer.sites ?? []) : []));
    return { kind: 'step', step: this.#step(order, { fact, reason, calls, sites }) };
  }

  #step(order: Order, { fact, reason, calls, sites }: FoundFact): Step {
    const now = this.#options.runtime.clock.nowMicros();
    const detail = { now, reason, ...(sites.length > 0 && { sites }) };
    const outcome = changeOf(order, fact, detail);
    if (outcome.kind === 'refusal') {
      throw new AppError('INTERNAL', `${order.state} has no ${fact}: ${outcome.reason}`);
    }
    return { change: outcome.change, first: calls };
  }

  async #ask(order: Order, work: Extract<Work, { kind: 'ask' }>): Promise<Asked> {
    if (work.how === 'together') {
      const asked = await Promise.all(work.calls.map((call) => this.#askOne(order, call)));
      return { answered: asked, entries: asked.map(({ entry }) => entry) };
    }
    const asked: AskedOne[] = [];
    for (const call of work.calls) {
      const one = await this.#askOne(order, call);
      asked.push(one);
      if (!mayGoOn(one)) break;
    }
    return { answered: asked, entries: asked.map(({ entry }) => entry) };
  }

  async #askOne(order: Order, call: PeerCallName): Promise<AskedOne> {
    const { calls, runtime } = this.#options;
    runtime.steps.reach(`order.${call}.before`);
    const startedAt = runtime.clock.now();
    const answer = await calls.ask(order, call);
    runtime.steps.reach(`order.${call}.answered`);
    const entry: HistoryEntry = {
      kind: 'call',
      call,
      id: calls.idOf(order, call),
      outcome: answer.kind,
      ...('reason' in answer && { reason: answer.reason }),
      startedAt,
      endedAt: runtime.clock.now(),
    };
    return { call, answer, entry };
  }

  async #commit(held: HeldOrder, steps: readonly Step[]): Promise<Turn> {
    const { sql, runtime, outbox, onEvents } = this.#options;
    const now = runtime.clock.nowMicros();
    const { change } = steps.at(-1)!;
    const next = this.#leaseAfter(change, now);
    const written = await advance(sql, held, { outbox, now, actor: SAGA_ACTOR, steps, next });
    runtime.steps.reach(`order.${change.fact}.committed`);
    if (written === 'fenced') return IDLE;
    onEvents();
    for (const each of steps) this.#settled.add(1, { state: each.change.after.state });
    if (next.holder === '') return IDLE;
    return { kind: 'on', held: { ...held, order: change.after, attempts: 0 } };
  }

  #leaseAfter({ after }: Change, now: bigint): NextLease {
    const work = workOf(after, now, this.#options.limits);
    if (work.kind === 'none') return { holder: '', dueAt: NEVER };
    if (work.kind === 'wait') return { holder: '', dueAt: work.until };
    return { holder: this.holder, dueAt: this.leaseUntil() };
  }

  async #later(held: HeldOrder, calls: readonly HistoryEntry[]): Promise<Turn> {
    const { sql, runtime } = this.#options;
    const now = runtime.clock.nowMicros();
    const delayMs = retryDelayMs(held.attempts, runtime.random.fraction());
    await postpone(sql, held, { dueAt: now + BigInt(delayMs) * 1000n, now, calls });
    runtime.steps.reach('order.postponed');
    return IDLE;
  }
}

function patience(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.after(DRAIN_MS_MAX, resolve);
  });
}

type AskedOne = Answered & { readonly entry: HistoryEntry };

interface Asked {
  readonly answered: readonly Answered[];
  readonly entries: readonly HistoryEntry[];
}

interface FoundFact {
  readonly fact: Fact;
  readonly reason: string | null;
  readonly calls: readonly HistoryEntry[];
  readonly sites: readonly string[];
}

type Found =
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'again'; readonly calls: readonly HistoryEntry[] };
