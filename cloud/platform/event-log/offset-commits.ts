import type { GroupsFile, OffsetCommit } from './groups-file.ts';
import type { LogWorld } from './log-world.ts';

/**
 * Offsets of handled batches are stored this long after the first of them, all partitions and
 * groups together: a sync for each batch would stop the event loop as often as the handlers' own.
 * What a crash takes back is delivered again.
 */
export const COMMIT_DELAY_MS = 50;
const RETRY_DELAY_MS = 1000;

/** Collects the offsets that were reached and commits them together. */
export class OffsetCommits {
  readonly #groups: GroupsFile;
  readonly #world: LogWorld;
  readonly #onFenced: (commit: OffsetCommit) => void;
  readonly #waiting = new Map<string, OffsetCommit>();
  #scheduled = false;

  constructor(groups: GroupsFile, world: LogWorld, onFenced: (commit: OffsetCommit) => void) {
    this.#groups = groups;
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

  flush(): void {
    const commits = [...this.#waiting.values()];
    if (commits.length === 0) return;
    let stored: boolean[];
    try {
      stored = this.#groups.commit(commits);
    } catch (cause) {
      // The offsets stay here and go with the next commit; until then a crash delivers these
      // batches again.
      this.#world.log.error({ err: cause }, 'cannot commit offsets');
      this.#schedule(RETRY_DELAY_MS);
      return;
    }
    this.#waiting.clear();
    this.#world.steps.reach('event-log.offset.committed');
    commits.forEach((commit, index) => {
      if (!stored[index]) this.#onFenced(commit);
    });
  }

  #schedule(delayMs: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#world.clock.after(delayMs, () => {
      this.#scheduled = false;
      this.flush();
    });
  }
}

function nameOf({ seat, hold }: OffsetCommit): string {
  return JSON.stringify([seat.group, seat.topic, seat.member, hold.partition]);
}
