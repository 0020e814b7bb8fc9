import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { SubscribeOptions } from './event-log.ts';
import type { GroupsFile, Hold, OffsetCommit, Seat } from './groups-file.ts';
import type { LogWorld } from './log-world.ts';
import type { OffsetCommits } from './offset-commits.ts';
import { PartitionConsumer } from './partition-consumer.ts';
import type { TopicFile } from './topic-file.ts';

const UNKNOWN = -1n;

export interface TopicSubscriptionOptions {
  readonly world: LogWorld;
  readonly groups: GroupsFile;
  readonly commits: OffsetCommits;
  readonly file: TopicFile;
  readonly member: string;
  readonly subscribe: SubscribeOptions;
  /**
   * The group changed through this member: the others of this process look at their shares again.
   */
  readonly onGroupChanged: () => void;
}

/** One member of a group on one topic: runs a consumer for each partition that it holds. */
export class TopicSubscription {
  readonly file: TopicFile;
  readonly #options: TopicSubscriptionOptions;
  readonly #seat: Seat;
  readonly #consumers = new Map<number, PartitionConsumer>();
  #generation = UNKNOWN;
  #stopping = false;

  constructor(options: TopicSubscriptionOptions) {
    const { file, member, subscribe } = options;
    this.file = file;
    this.#options = options;
    const { topic, partitionCount } = file;
    this.#seat = { group: subscribe.group, topic, member, partitionCount };
  }

  /**
   * When the group changed since the last look: takes what is now its share, and gives up what is
   * above it.
   */
  rebalance(): void {
    const { groups, onGroupChanged } = this.#options;
    if (this.#stopping || groups.generation(this.#seat) === this.#generation) return;
    const { holds, fair, generation } = groups.claim(this.#seat);
    for (const { hold } of this.#consumers.values()) {
      if (!holds.some((held) => isSame(held, hold))) this.#fence(hold);
    }
    for (const hold of holds) {
      if (!this.#consumers.has(hold.partition)) this.#consume(hold);
    }
    this.#shrinkTo(fair);
    this.#generation = generation;
    onGroupChanged();
  }

  /** There may be new events in these partitions; in any when none is named. */
  notify(ends?: ReadonlyMap<number, bigint>): void {
    for (const [partition, consumer] of this.#consumers) {
      if (!ends || ends.has(partition)) consumer.notify();
    }
  }

  /** A commit found that the partition has passed to another member. */
  fenced({ seat, hold }: OffsetCommit): void {
    if (seat.member === this.#seat.member) this.#fence(hold);
  }

  /** Resolves when no batch is in hand any more and all partitions are given up. */
  async drain(): Promise<void> {
    this.#stopping = true;
    const consumers = [...this.#consumers.values()];
    for (const consumer of consumers) consumer.stop();
    await Promise.all(consumers.map((consumer) => consumer.done));
  }

  /**
   * Leaves the group at once; a batch that is still in hand is delivered again by who takes its
   * partition.
   */
  leave(): void {
    this.#stopping = true;
    for (const { hold } of this.#consumers.values()) this.#fence(hold);
    const { groups, world, onGroupChanged } = this.#options;
    try {
      groups.leave(this.#seat);
    } catch (err) {
      if (!(err instanceof AppError)) throw err;
      const { group, topic } = this.#seat;
      world.log.warn({ err, group, topic }, 'cannot leave a group; its lease ends by itself');
    }
    onGroupChanged();
  }

  #consume(hold: Hold): void {
    const { world, file, subscribe, commits } = this.#options;
    const onHandled = (commit: OffsetCommit): void => commits.add(commit);
    const seat = this.#seat;
    const consumer = new PartitionConsumer({ world, file, seat, hold, subscribe, onHandled });
    this.#consumers.set(hold.partition, consumer);
    void consumer.done.then(() => this.#giveUp(consumer));
  }

  /** Stops the consumers above the share; each gives its partition up after the batch in hand. */
  #shrinkTo(fair: number): void {
    const running = [...this.#consumers.values()].filter((consumer) => !consumer.stopping);
    running.sort((a, b) => a.hold.partition - b.hold.partition);
    for (const consumer of running.slice(fair)) consumer.stop();
  }

  #giveUp(consumer: PartitionConsumer): void {
    if (consumer.lost) return;
    const { groups, commits, world, onGroupChanged } = this.#options;
    this.#consumers.delete(consumer.hold.partition);
    commits.drop(consumer.reached);
    try {
      groups.release(consumer.reached);
    } catch (cause) {
      // The lease is still this member's: the next look finds it and takes the partition up or
      // gives it up again.
      const { group, topic } = this.#seat;
      world.log.error({ err: cause, group, topic }, 'cannot give a partition up');
      this.#generation = UNKNOWN;
    }
    onGroupChanged();
  }

  #fence(hold: Hold): void {
    const consumer = this.#consumers.get(hold.partition);
    if (!consumer || !isSame(consumer.hold, hold)) return;
    this.#consumers.delete(hold.partition);
    this.#options.commits.drop(consumer.reached);
    consumer.fence();
  }
}

function isSame(a: Hold, b: Hold): boolean {
  return a.partition === b.partition && a.epoch === b.epoch;
}
