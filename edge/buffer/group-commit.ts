import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError } from '@holdfast/shared/lib/assert.ts';
import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { AcceptedMessage, AppendOutcome, Exchange, GroupEnd, Offering } from './buffer.ts';
import type { TurnWrite } from './buffer-store.ts';
import type { Intake } from './intake.ts';
import type { ReceiveClock } from './receive-clock.ts';
import type { StoreWriter } from './store-writer.ts';

/** What one commit holds at most: more is the next one's. */
const CALLS_MAX = 8_192;
const PAYLOAD_BYTES_PER_COMMIT_MAX = 4 * 1024 * 1024;
/** A group of so many says that others come meanwhile: a client that waits for its own is alone. */
const CROWD_CALLS = 4;
/** Of payloads that are judged and not on disk: who can should not bring more. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** What a message takes in memory beside its payload, roughly. */
const MESSAGE_BYTES = 256;

export interface GroupCommitOptions {
  readonly intake: Intake;
  readonly writer: StoreWriter;
  readonly receiveClock: ReceiveClock;
  readonly runtime: Runtime;
  /** 0 commits at the end of the event-loop turn; more trades latency for flash wear. */
  readonly commitWindowMs: number;
  /** After a group of CROWD_CALLS the next begins so much later; what comes alone never waits. */
  readonly commitSpacingMs: number;
  /** Calls back when the present turn of the event loop is over. */
  readonly soon: (callback: () => void) => void;
  /** A write found the disk full; those of its groups are told after it. */
  readonly diskFull: () => void;
  /** After the commit and before anybody is told. */
  readonly committed: (write: TurnWrite) => void;
}

interface Group {
  calls: number;
  payloadBytes: number;
  startedMs: number;
  /** Set when nothing can join it any more. */
  write: TurnWrite | undefined;
  readonly told: ((end: GroupEnd) => void)[];
}

/**
 * Collects what is asked for and makes it durable with one sync. The group grows by itself with the
 * load: what arrives while a commit runs is the next group.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #commitSeconds;
  readonly #groupRecords;
  #open = emptyGroup();
  /** Closed because they were full; they wait for the one before them. */
  readonly #closed: Group[] = [];
  #running: Group | undefined;
  /** The group that the last call joined, until it has ended. */
  #last: Group | undefined;
  #waitingBytes = 0;
  #scheduled = false;
  /** When the next commit may begin, and what waits for it. */
  #nextMs = 0;
  #pause: Timer | undefined;
  /** The open group's time has come; it leaves as soon as the one before it is on disk. */
  #due = false;
  #failure: AppError | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    const { metrics } = options.runtime;
    this.#commitSeconds = metrics.histogram(
      'holdfast_buffer_commit_seconds',
      'How long a group took to write and sync.',
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
    const outcome = this.#judge(message);
    return new Promise((resolve, reject) => {
      this.#tell((end) => {
        if (end.kind === 'durable') resolve(outcome!);
        else if (end.kind === 'full') resolve({ kind: 'full', lane: message.lane });
        else reject(end.error);
      });
    });
  }

  offer(message: AcceptedMessage, by: Offering): AppendOutcome | undefined {
    const outcome = this.#judge(message);
    const group = this.#last;
    if (outcome && group && by.joined !== group) {
      by.joined = group;
      group.told.push((end) => by.settled(end));
    }
    return outcome;
  }

  async release(exchange: Exchange): Promise<void> {
    await this.#change((intake) => intake.release(exchange));
  }

  async forget(clientId: string): Promise<void> {
    await this.#change((intake) => intake.forget(clientId));
  }

  /** So much waits for the disk that whoever can should wait, too. */
  get isBehind(): boolean {
    return this.#waitingBytes > WAITING_BYTES_MAX;
  }

  /** Resolves when everything that was asked for before is on disk, or will never be. */
  caughtUp(): Promise<void> {
    return new Promise((resolve) => this.#tell(() => resolve()));
  }

  /** Commits everything that waits, without waiting for company. */
  async drain(): Promise<void> {
    this.#due = true;
    this.#proceed();
    await this.caughtUp();
  }

  /** Undefined when the buffer has failed: whoever waits for the group is told. */
  #judge(message: AcceptedMessage): AppendOutcome | undefined {
    if (!this.#begin()) return undefined;
    const { intake, receiveClock } = this.#options;
    let outcome: AppendOutcome;
    try {
      outcome = intake.append(message, receiveClock.stamp());
    } catch (cause) {
      this.#fail(cause);
      return undefined;
    }
    this.#join(message.payload.byteLength);
    return outcome;
  }

  async #change(change: (intake: Intake) => void): Promise<void> {
    if (this.#begin()) {
      try {
        change(this.#options.intake);
        this.#join(0);
      } catch (cause) {
        this.#fail(cause);
      }
    }
    const end = await new Promise<GroupEnd>((resolve) => this.#tell(resolve));
    if (end.kind === 'durable') return;
    throw end.kind === 'failed' ? end.error : new AppError('BUFFER_FULL', 'the disk is full');
  }

  #begin(): boolean {
    if (this.#failure) return false;
    if (this.#open.calls === 0) this.#options.receiveClock.refresh();
    return true;
  }

  #join(payloadBytes: number): void {
    const open = this.#open;
    this.#last = open;
    open.calls += 1;
    open.payloadBytes += payloadBytes;
    this.#waitingBytes += payloadBytes + MESSAGE_BYTES;
    if (open.calls >= CALLS_MAX || open.payloadBytes >= PAYLOAD_BYTES_PER_COMMIT_MAX) this.#close();
    this.#schedule();
  }

  /** Calls back when the last call's group has ended. */
  #tell(callback: (end: GroupEnd) => void): void {
    if (this.#failure) callback({ kind: 'failed', error: this.#failure });
    else if (this.#last) this.#last.told.push(callback);
    else callback(DURABLE);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const { commitWindowMs, soon, runtime } = this.#options;
    const run = (): void => {
      this.#scheduled = false;
      this.#due = true;
      this.#proceed();
    };
    if (commitWindowMs === 0) soon(run);
    else runtime.clock.after(commitWindowMs, run, { keepAlive: true });
  }

  #close(): void {
    const group = this.#open;
    group.write = this.#options.intake.finish();
    this.#closed.push(group);
    this.#open = emptyGroup();
  }

  /** Starts the next commit unless one runs. */
  #proceed(): void {
    if (this.#running) return;
    if (this.#closed.length === 0 && this.#due && this.#open.calls > 0) {
      if (this.#pauses()) return;
      this.#close();
    }
    if (this.#open.calls === 0) this.#due = false;
    const group = this.#closed.shift();
    if (!group) return;
    this.#running = group;
    const { writer, runtime, commitSpacingMs } = this.#options;
    group.startedMs = runtime.clock.monotonicMs();
    if (group.calls >= CROWD_CALLS) this.#nextMs = group.startedMs + commitSpacingMs;
    const write = group.write!;
    const written = hasRows(write) ? writer.write('append', write) : Promise.resolve();
    written.then(
      () => this.#written(group, write),
      (cause: unknown) => this.#undo(cause),
    );
  }

  /** True when the open group gathers a little longer; it goes on by itself. */
  #pauses(): boolean {
    if (this.#pause) return true;
    const { clock } = this.#options.runtime;
    const waitMs = this.#nextMs - clock.monotonicMs();
    if (waitMs <= 0) return false;
    const proceed = (): void => {
      this.#pause = undefined;
      this.#nextMs = 0;
      this.#proceed();
    };
    this.#pause = clock.after(waitMs, proceed, { keepAlive: true });
    return true;
  }

  #written(group: Group, write: TurnWrite): void {
    const { intake, runtime, committed } = this.#options;
    committed(write);
    // Abandoned meanwhile: it is on disk, but its callers were told that it may not be.
    if (this.#running !== group) return;
    this.#running = undefined;
    intake.written();
    this.#commitSeconds.observe((runtime.clock.monotonicMs() - group.startedMs) / 1000);
    this.#groupRecords.observe(group.calls);
    this.#end(group);
    // The next sync begins before the acknowledgements of this one are made out.
    this.#proceed();
    for (const tell of group.told) tell(DURABLE);
  }

  /**
   * Nothing of the group is on disk, and what was judged after it stands on it. A full disk heals;
   * after a failed sync nobody knows what the disk holds: then the buffer stops for good.
   */
  #undo(cause: unknown): void {
    if (!(cause instanceof AppError && cause.code === 'BUFFER_FULL')) {
      this.#fail(cause);
      return;
    }
    this.#options.diskFull();
    this.#abandon({ kind: 'full' });
  }

  #fail(cause: unknown): void {
    if (cause instanceof AssertionError) throw cause;
    const error = new AppError('UNAVAILABLE', 'the buffer could not be written', { cause });
    this.#failure ??= error;
    this.#options.runtime.log.error({ err: cause }, 'the buffer stops: a commit failed');
    this.#abandon({ kind: 'failed', error: this.#failure });
  }

  #end(group: Group): void {
    this.#waitingBytes -= group.payloadBytes + group.calls * MESSAGE_BYTES;
    if (this.#last === group) this.#last = undefined;
  }

  #abandon(end: GroupEnd): void {
    const groups = [...(this.#running ? [this.#running] : []), ...this.#closed, this.#open];
    this.#running = undefined;
    this.#closed.length = 0;
    this.#open = emptyGroup();
    this.#options.intake.reset();
    for (const group of groups) this.#end(group);
    for (const { told } of groups) for (const tell of told) tell(end);
  }
}

const DURABLE: GroupEnd = { kind: 'durable' };

function emptyGroup(): Group {
  return { calls: 0, payloadBytes: 0, startedMs: 0, write: undefined, told: [] };
}

function hasRows({ groups, heads, exchanges }: TurnWrite): boolean {
  return groups.length > 0 || heads.length > 0 || exchanges.length > 0;
}
