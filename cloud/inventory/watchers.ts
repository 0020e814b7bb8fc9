import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { LevelRecord } from './domain/records.ts';
import {
  type ChangedLevel,
  type ChangePlace,
  changedLevels,
  lastChange,
  levelsOfItems,
  listLevels,
} from './store/levels.ts';
import type { InventoryTables } from './store/tables.ts';

/** Levels of one answer, and of one look at what changed. */
const LEVELS_PER_ANSWER = 500;

export interface WatchFilter {
  readonly tenant: string;
  /** Empty: every item. */
  readonly items: ReadonlySet<string>;
  readonly site: string | undefined;
}

/**
 * Tells of levels as they change, whoever changed them: this process says when it committed, others
 * are seen by the ledger's revision at the next look. Nobody looks while nobody watches.
 */
export interface Watchers {
  /**
   * The present levels, then each level after it changed. Of several changes between two answers
   * the last: a slow reader gets fewer answers and never an older level after a newer. Ends with
   * the signal, and when the service stops.
   */
  watch(filter: WatchFilter, signal: AbortSignal): AsyncGenerator<readonly LevelRecord[]>;
  /** Something was committed here. */
  nudge(): void;
  stop(): Promise<void>;
}

interface Watcher {
  readonly filter: WatchFilter;
  /** By place; the last of each. */
  readonly changed: Map<string, LevelRecord>;
  wake: () => void;
  failure?: unknown;
}

export interface WatchersOptions {
  readonly sql: Sql<InventoryTables>;
  readonly runtime: Pick<Runtime, 'clock'>;
  readonly pollMs: number;
}

export function createWatchers(options: WatchersOptions): Watchers {
  const { sql } = options;
  const stopping = new AbortController();
  const outlook = new Outlook(options, stopping.signal);
  return {
    async *watch(filter, signal) {
      const ends = AbortSignal.any([signal, stopping.signal]);
      const watcher: Watcher = { filter, changed: new Map(), wake: () => {} };
      const onEnd = (): void => watcher.wake();
      ends.addEventListener('abort', onEnd);
      try {
        await outlook.join(watcher);
        const seen = new Map<string, bigint>();
        for await (const levels of present(sql, filter)) {
          for (const level of levels) seen.set(placeOf(level), level.version);
          yield levels;
        }
        forgetOlder(watcher, seen);
        yield* changesOf(watcher, ends);
      } finally {
        ends.removeEventListener('abort', onEnd);
        outlook.leave(watcher);
      }
    },
    nudge: () => outlook.nudge(),
    async stop() {
      stopping.abort();
      await outlook.ended();
    },
  };
}

/** Looks for changes while somebody watches, and tells whom they concern. */
class Outlook {
  readonly #options: WatchersOptions;
  readonly #stopping: AbortSignal;
  readonly #watchers = new Set<Watcher>();
  #looking: Promise<void> | undefined;
  #interrupt: () => void = () => {};
  #isNudged = false;

  constructor(options: WatchersOptions, stopping: AbortSignal) {
    this.#options = options;
    this.#stopping = stopping;
  }

  /** What changes from here on is told; what was before is read after this. */
  async join(watcher: Watcher): Promise<void> {
    const from = this.#looking ? undefined : await this.#options.sql.read(lastChange);
    this.#watchers.add(watcher);
    if (from && !this.#looking) this.#begin(from);
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    this.#interrupt();
  }

  nudge(): void {
    this.#isNudged = true;
    this.#interrupt();
  }

  async ended(): Promise<void> {
    this.#interrupt();
    await this.#looking;
  }

  #begin(from: ChangePlace): void {
    this.#looking = this.#look(from).then(
      (after) => {
        this.#looking = undefined;
        // Somebody may have come while the last one was leaving.
        if (this.#watchers.size > 0 && !this.#stopping.aborted) this.#begin(after);
      },
      (error: unknown) => {
        this.#looking = undefined;
        this.#fail(error);
      },
    );
  }

  /** Where it stopped, because nobody watches any more. */
  async #look(from: ChangePlace): Promise<ChangePlace> {
    const { sql } = this.#options;
    let after = from;
    while (this.#watchers.size > 0 && !this.#stopping.aborted) {
      this.#isNudged = false;
      const page = { after, limit: LEVELS_PER_ANSWER };
      const changes = await sql.read((db) => changedLevels(db, page));
      for (const change of changes) tell(this.#watchers, change);
      const last = changes.at(-1);
      if (last) {
        const { tenant, item, site } = last.level;
        after = { revision: last.revision, tenant, item, site };
      }
      if (changes.length < LEVELS_PER_ANSWER) await this.#pause();
    }
    return after;
  }

  /** Resolves after a while, or when something was committed here. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const { runtime, pollMs } = this.#options;
      const timer = runtime.clock.after(pollMs, resolve);
      this.#interrupt = () => {
        timer.cancel();
        resolve();
      };
      if (this.#isNudged || this.#stopping.aborted) this.#interrupt();
    });
  }

  #fail(error: unknown): void {
    for (const watcher of this.#watchers) {
      watcher.failure = error;
      watcher.wake();
    }
    this.#watchers.clear();
  }
}

async function* changesOf(
  watcher: Watcher,
  ends: AbortSignal,
): AsyncGenerator<readonly LevelRecord[]> {
  while (!ends.aborted) {
    if (watcher.failure) throw watcher.failure;
    const levels = [...watcher.changed.values()].slice(0, LEVELS_PER_ANSWER);
    for (const level of levels) watcher.changed.delete(placeOf(level));
    if (levels.length > 0) yield levels;
    else {
      await new Promise<void>((resolve) => {
        watcher.wake = resolve;
        if (watcher.changed.size > 0 || ends.aborted || watcher.failure) resolve();
      });
    }
  }
}

function tell(watchers: ReadonlySet<Watcher>, { level }: ChangedLevel): void {
  for (const watcher of watchers) {
    const { tenant, items, site } = watcher.filter;
    if (tenant !== level.tenant || (site !== undefined && site !== level.site)) continue;
    if (items.size > 0 && !items.has(level.item)) continue;
    watcher.changed.set(placeOf(level), level);
    watcher.wake();
  }
}

/** What was told while the present levels were read may be older than they are. */
function forgetOlder({ changed }: Watcher, seen: ReadonlyMap<string, bigint>): void {
  for (const [place, { version }] of changed) {
    if (version <= (seen.get(place) ?? 0n)) changed.delete(place);
  }
}

async function* present(
  sql: Sql<InventoryTables>,
  { tenant, items, site }: WatchFilter,
): AsyncGenerator<readonly LevelRecord[]> {
  if (items.size > 0) {
    yield await sql.read((db) => levelsOfItems(db, { tenant, items: [...items], site }));
    return;
  }
  const scope = { tenant, sites: site === undefined ? ('all' as const) : [site] };
  for (let after: LevelRecord | undefined; ; ) {
    const from = after;
    const page = { limit: LEVELS_PER_ANSWER, after: from };
    const levels = await sql.read((db) => listLevels(db, scope, page));
    // Also when there are none: who watches knows then that it has seen what there is.
    if (levels.length > 0 || from === undefined) yield levels;
    after = levels.at(-1);
    if (levels.length < LEVELS_PER_ANSWER) return;
  }
}

function placeOf({ site, item }: LevelRecord): string {
  return `${site}\0${item}`;
}
