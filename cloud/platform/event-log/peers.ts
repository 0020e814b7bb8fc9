import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { GroupsFile } from './groups-file.ts';
import type { LogWorld } from './log-world.ts';
import type { TopicFile } from './topic-file.ts';
import type { TopicSubscription } from './topic-subscription.ts';

/** A lease outlives two missed renewals. */
const RENEWALS_PER_LEASE = 3;
/** After a look at a file that failed. */
const RETRY_MS = 1000;

export interface PeersOptions {
  readonly world: LogWorld;
  readonly groups: GroupsFile;
  readonly leaseMs: number;
  readonly pollMs: number;
}

/** Wants to know when a file changed. */
export interface Watcher {
  readonly file: TopicFile;
  notify(): void;
}

/**
 * Keeps this process among the living, and watches what other processes change: looks at a counter
 * in shared memory each `pollMs`, and reads a file only when it moved. Idle while nothing is
 * subscribed or watched.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #subscriptions = new Set<TopicSubscription>();
  readonly #watchers = new Set<Watcher>();
  /** Of a file whose last look failed. */
  readonly #restsUntilMs = new WeakMap<object, number>();
  #timer: Timer | undefined;
  #renewAtMs = 0;
  #looking = false;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  add(subscription: TopicSubscription): void {
    this.#renewWhenDue();
    subscription.rebalance();
    this.#subscriptions.add(subscription);
    this.#timer ??= this.#again();
  }

  remove(subscription: TopicSubscription): void {
    this.#subscriptions.delete(subscription);
    this.#restWhenAlone();
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
    this.#timer ??= this.#again();
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    this.#restWhenAlone();
  }

  /** Looks no more, also for those who still watch: the files are about to be closed. */
  close(): void {
    this.#watchers.clear();
    this.#restWhenAlone();
  }

  /** A member of this process changed its group; the others here are told in the next turn. */
  lookSoon(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#options.world.soon(() => {
      this.#looking = false;
      this.#guarded('groups', () => this.#rebalance());
    });
  }

  #restWhenAlone(): void {
    if (this.#subscriptions.size + this.#watchers.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #again(): Timer {
    const { world, pollMs } = this.#options;
    return world.clock.after(pollMs, () => {
      this.#poll();
      if (this.#timer) this.#timer = this.#again();
    });
  }

  #poll(): void {
    const watchers: readonly Watcher[] = [...this.#subscriptions, ...this.#watchers];
    for (const [file, who] of Map.groupBy(watchers, (watcher) => watcher.file)) {
      this.#look(file, file.topic, () => {
        if (file.changed()) for (const watcher of who) watcher.notify();
      });
    }
    if (this.#subscriptions.size === 0) return;
    const { groups } = this.#options;
    this.#look(groups, 'groups', () => {
      const renewed = this.#renewWhenDue();
      if (groups.changed() || renewed) this.#rebalance();
    });
  }

  /** A file that fails is left alone for a while, and takes nothing from the others. */
  #look(file: object, name: string, work: () => void): void {
    const now = this.#options.world.clock.monotonicMs();
    if (now < (this.#restsUntilMs.get(file) ?? 0)) return;
    if (!this.#guarded(name, work)) this.#restsUntilMs.set(file, now + RETRY_MS);
  }

  #renewWhenDue(): boolean {
    const { world, groups, leaseMs } = this.#options;
    const now = world.clock.monotonicMs();
    if (now < this.#renewAtMs) return false;
    groups.heartbeat();
    this.#renewAtMs = now + leaseMs / RENEWALS_PER_LEASE;
    return true;
  }

  #rebalance(): void {
    for (const subscription of this.#subscriptions) subscription.rebalance();
  }

  /** False when it failed: this loop has no caller who could be told, and tries again later. */
  #guarded(name: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (cause) {
      this.#options.world.log.error(
        { err: cause, file: name },
        'cannot see what other processes do with the event log',
      );
      return false;
    }
  }
}
