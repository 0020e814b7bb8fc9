import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { EVENT_BYTES_MAX, type LogPosition, type LogRecord, recordBytes } from './event-log.ts';
import type { LogWorld } from './log-world.ts';
import type { LogWriter } from './log-writer.ts';
import type { TopicFile } from './topic-file.ts';

/** What waits for the disk in one topic; beyond it an append is refused with UNAVAILABLE. */
export const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** What one transaction writes at most, unless one call alone is larger. */
const GROUP_BYTES_MAX = 16 * 1024 * 1024;
/** How long an append waits while other processes write. */
const LOCK_TIMEOUT_MS = 5000;
const LOCK_PAUSE_MS_MAX = 4;

interface Call {
  readonly records: readonly LogRecord[];
  readonly bytes: number;
  readonly resolve: (positions: LogPosition[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface AppenderOptions {
  readonly file: TopicFile;
  readonly world: LogWorld;
  readonly writer: LogWriter;
  /** Told of each commit, before its callers are. */
  readonly onCommitted: OnCommitted;
}

/** Where the records of one commit are. */
export type OnCommitted = (
  positions: readonly LogPosition[],
  records: readonly LogRecord[],
) => void;

/**
 * Group commit: the appends of one turn of the event loop share one transaction and its sync, and
 * so do those that come while the transaction before is on its way to the disk.
 */
export class Appender {
  readonly #options: AppenderOptions;
  #waiting: Call[] = [];
  #waitingBytes = 0;
  /** A flush is to come, or under way. */
  #scheduled = false;
  #lockedSinceMs: number | undefined;
  #idle: (() => void)[] = [];

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  append(records: readonly LogRecord[]): Promise<readonly LogPosition[]> {
    const bytes = records.reduce((sum, record) => sum + checkedBytes(record), 0);
    if (this.#waitingBytes + bytes > WAITING_BYTES_MAX && this.#waiting.length > 0) {
      throw new AppError('UNAVAILABLE', 'too much waits for the disk of the event log');
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, bytes, resolve, reject });
      this.#waitingBytes += bytes;
      this.#schedule();
    });
  }

  /** Resolves when nothing waits any more. */
  drained(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.world.soon(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    const { file, world, writer, onCommitted } = this.#options;
    const group = this.#nextGroup();
    const records = group.flatMap((call) => call.records);
    let positions: LogPosition[] | undefined;
    try {
      const nowMs = world.clock.now();
      positions = await writer.write('append', file.options, { records, nowMs });
      if (!positions && this.#lockIsLate()) {
        throw new AppError('UNAVAILABLE', `the topic ${file.topic} is locked by another process`);
      }
    } catch (cause) {
      this.#settle(group, (call) => call.reject(cause));
      return;
    }
    if (positions) {
      onCommitted(positions, records);
      this.#resolve(group, positions);
    } else this.#retryLater();
  }

  #resolve(group: readonly Call[], positions: readonly LogPosition[]): void {
    let first = 0;
    this.#settle(group, (call) => {
      call.resolve(positions.slice(first, first + call.records.length));
      first += call.records.length;
    });
  }

  #nextGroup(): readonly Call[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((call, index) => {
      bytes += call.bytes;
      return index > 0 && bytes > GROUP_BYTES_MAX;
    });
    return end < 0 ? [...this.#waiting] : this.#waiting.slice(0, end);
  }

  #lockIsLate(): boolean {
    const now = this.#options.world.clock.monotonicMs();
    this.#lockedSinceMs ??= now;
    return now - this.#lockedSinceMs > LOCK_TIMEOUT_MS;
  }

  #retryLater(): void {
    const { clock, random } = this.#options.world;
    // Drawn, so that two processes do not meet again and again.
    clock.after(1 + random.fraction() * LOCK_PAUSE_MS_MAX, () => void this.#flush(), {
      keepAlive: true,
    });
  }

  #settle(group: readonly Call[], each: (call: Call) => void): void {
    this.#scheduled = false;
    this.#lockedSinceMs = undefined;
    this.#waiting = this.#waiting.slice(group.length);
    for (const call of group) {
      this.#waitingBytes -= call.bytes;
      each(call);
    }
    if (this.#waiting.length > 0) this.#schedule();
    else for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function checkedBytes(record: LogRecord): number {
  const bytes = recordBytes(record);
  if (bytes <= EVENT_BYTES_MAX) return bytes;
  throw new AppError(
    'EVENT_TOO_LARGE',
    `an event has ${bytes} bytes, more than ${EVENT_BYTES_MAX}`,
  );
}
