import type { OffsetCommit } from './groups-file.ts';
import type { LogWorld } from './log-world.ts';
import type { LogWriter } from './log-writer.ts';

/**
 * Offsets of handled batches are stored this long after the first of them, all partitions and
 * groups together: a sync for each batch would stop the event loop as often as the handlers' own.
 * What a crash takes back is delivered again.
 */
export const COMMIT_DELAY_MS = 50;
const RETRY_DELAY_MS = 1000;

/** Collects the offsets that were reached and commits them together. */
export class OffsetCommits {
  readonly #writer: LogWriter;
  readonly #world: LogWorld;
  readonly #onFenced: (commit: OffsetCommit) => void;
  readonly #waiting = new Map<string, OffsetCommit>();
  #scheduled = false;
  #flushing: Promise<void> | undefined;

  constructor(writer: LogWriter, world: LogWorld, onFenced: (commit: OffsetCommit) => void) {
    this.#writer = writer;
    this.#world = world;
    this.#onFenced = onFenced;
  }

  add(commit: OffsetCommit): void {
    this.#waiting.set(nameOf(commit), commit);
    this.#schedule(COMMIT_DELAY_MS);
  }

  /** The partition is given up: its offset goes with the release. */
  drop(commit: OffsetCommit): void {
    this.#waiting.delete(nameOf(commit));
  }

  /** Resolves when what was reached before the call is stored, or its failure is told. */
  async flush(): Promise<void> {
    await this.#flushing;
    this.#flushing = this.#store();
    await this.#flushing;
  }

  async #store(): Promise<void> {
    const commits = [...this.#waiting.values()];
    if (commits.length === 0) return;
    let stored: boolean[];
    try {
      stored = await this.#writer.write('commitOffsets', commits);
    } catch (cause) {
      // The offsets stay here and go with the next commit; until then a crash delivers these
      // batches again.
      this.#world.log.error({ err: cause }, 'cannot commit offsets');
      this.#schedule(RETRY_DELAY_MS);
      return;
    }
    this.#world.steps.reach('event-log.offset.committed');
    for (const [index, commit] of commits.entries()) {
      // What was reached meanwhile goes with the next commit.
      if (this.#waiting.get(nameOf(commit)) === commit) this.#waiting.delete(nameOf(commit));
      if (!stored[index]) this.#onFenced(commit);
    }
  }

  #schedule(delayMs: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#world.clock.after(delayMs, () => {
      this.#scheduled = false;
      void this.flush();
    });
  }
}

function nameOf({ seat, hold }: OffsetCommit): string {
  return JSON.stringify([seat.group, seat.topic, seat.member, hold.partition]);
}
