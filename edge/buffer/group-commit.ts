import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError } from '@holdfast/shared/lib/assert.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { AcceptedMessage, AppendOutcome, Exchange } from './buffer.ts';
import type { BufferStore, TurnWrite } from './buffer-store.ts';
import type { Intake, TurnCall } from './intake.ts';
import type { ReceiveClock } from './receive-clock.ts';

/** One commit holds the event loop for its write; what exceeds this waits for the next turn. */
const CALLS_MAX = 8_192;
const PAYLOAD_BYTES_PER_COMMIT_MAX = 4 * 1024 * 1024;

export interface GroupCommitOptions {
  readonly intake: Intake;
  readonly store: BufferStore;
  readonly receiveClock: ReceiveClock;
  readonly runtime: Runtime;
  /** 0 commits at the end of the event-loop turn; more trades latency for flash wear. */
  readonly commitWindowMs: number;
  /** Calls back when the present turn of the event loop is over. */
  readonly soon: (callback: () => void) => void;
  /** After the commit and before its promises resolve. */
  readonly committed: (write: TurnWrite) => void;
}

interface Waiting {
  readonly call: TurnCall;
  readonly resolve: (outcome: AppendOutcome | undefined) => void;
  readonly reject: (error: AppError) => void;
}

/**
 * Collects what is asked for within one turn and makes it durable with one sync. The group grows by
 * itself with the load: what arrives while a commit runs is the next group.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #commitSeconds;
  readonly #groupRecords;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #scheduled = false;
  #failure: AppError | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    const { metrics } = options.runtime;
    this.#commitSeconds = metrics.histogram(
      'holdfast_buffer_commit_seconds',
      'How long a group took to judge, write and sync.',
      { buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1] },
    );
    this.#groupRecords = metrics.histogram(
      'holdfast_buffer_group_records',
      'How many calls shared one sync.',
      { buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
    );
  }

  /** Why nothing can be written any more; undefined while all is well. */
  get failure(): AppError | undefined {
    return this.#failure;
  }

  append(message: AcceptedMessage): Promise<AppendOutcome> {
    this.#begin(message.payload.byteLength);
    const call = { kind: 'append', message, received: this.#options.receiveClock.stamp() } as const;
    return this.#enqueue(call) as Promise<AppendOutcome>;
  }

  async release(exchange: Exchange): Promise<void> {
    this.#begin(0);
    await this.#enqueue({ kind: 'release', exchange });
  }

  async forget(clientId: string): Promise<void> {
    this.#begin(0);
    await this.#enqueue({ kind: 'forget', clientId });
  }

  /** Commits everything that waits, now. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commit();
  }

  #begin(bytes: number): void {
    if (this.#waiting.length === 0) this.#options.receiveClock.refresh();
    this.#waitingBytes += bytes;
    this.#schedule();
  }

  #enqueue(call: TurnCall): Promise<AppendOutcome | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, resolve, reject });
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const { commitWindowMs, soon, runtime } = this.#options;
    const run = (): void => {
      this.#scheduled = false;
      if (this.#waiting.length > 0) this.#commit();
      if (this.#waiting.length > 0) this.#schedule();
    };
    if (commitWindowMs === 0) soon(run);
    else runtime.clock.after(commitWindowMs, run, { keepAlive: true });
  }

  /** Judge, write and sync are one synchronous stretch, so that a worker can take it over. */
  #commit(): void {
    const group = this.#take();
    if (this.#failure) {
      for (const { reject } of group) reject(this.#failure);
      return;
    }
    const { intake, runtime, committed } = this.#options;
    const startedMs = runtime.clock.monotonicMs();
    let outcomes: readonly (AppendOutcome | undefined)[];
    try {
      const judged = intake.judge(group.map(({ call }) => call));
      if (hasRows(judged.write)) this.#options.store.append(judged.write);
      outcomes = judged.outcomes;
      committed(judged.write);
    } catch (cause) {
      intake.reset();
      this.#undo(group, cause);
      return;
    }
    this.#commitSeconds.observe((runtime.clock.monotonicMs() - startedMs) / 1000);
    this.#groupRecords.observe(group.length);
    for (let at = 0; at < group.length; at++) group[at]!.resolve(outcomes[at]);
  }

  #take(): Waiting[] {
    if (this.#waiting.length <= CALLS_MAX && this.#waitingBytes <= PAYLOAD_BYTES_PER_COMMIT_MAX) {
      const all = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      return all;
    }
    let bytes = 0;
    let count = 0;
    for (const { call } of this.#waiting) {
      if (count === CALLS_MAX || (bytes > 0 && bytes > PAYLOAD_BYTES_PER_COMMIT_MAX)) break;
      bytes += call.kind === 'append' ? call.message.payload.byteLength : 0;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  /**
   * Nothing of the group is on disk. After a failed sync nobody knows what is: the buffer stops for
   * good.
   */
  #undo(group: readonly Waiting[], cause: unknown): void {
    if (cause instanceof AssertionError) throw cause;
    if (cause instanceof AppError && cause.code === 'BUFFER_FULL') {
      for (const { call, resolve, reject } of group)
        if (call.kind === 'append') resolve({ kind: 'full', lane: call.message.lane });
        else reject(cause);
      return;
    }
    this.#failure = new AppError('UNAVAILABLE', 'the buffer could not be written', { cause });
    this.#options.runtime.log.error({ err: cause }, 'the buffer stops: a commit failed');
    for (const { reject } of group) reject(this.#failure);
  }
}

function hasRows({ groups, heads, exchanges }: TurnWrite): boolean {
  return groups.length > 0 || heads.length > 0 || exchanges.length > 0;
}
