import type { LogBatch, LogEvent, SubscribeOptions } from './event-log.ts';
import type { Hold, OffsetCommit, Seat } from './groups-file.ts';
import type { LogWorld } from './log-world.ts';
import type { TopicFile } from './topic-file.ts';

/**
 * The pause after a failed batch grows from the first to the second, and is drawn from its upper
 * half.
 */
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 10_000;

export interface PartitionConsumerOptions {
  readonly world: LogWorld;
  readonly file: TopicFile;
  readonly seat: Seat;
  readonly hold: Hold;
  readonly subscribe: SubscribeOptions;
  /** Told of each batch that was handled; the offset is committed soon after. */
  readonly onHandled: (commit: OffsetCommit) => void;
}

/** Takes one partition through its handler, batch by batch, from the group's offset on. */
export class PartitionConsumer {
  readonly hold: Hold;
  /** Settles when the batch in hand is done and no other will be taken. */
  readonly done: Promise<void>;
  readonly #options: PartitionConsumerOptions;
  #nextOffset: bigint;
  #stopping = false;
  #lost = false;
  #news = true;
  #wake: (() => void) | undefined;
  #endPause: (() => void) | undefined;

  constructor(options: PartitionConsumerOptions) {
    this.#options = options;
    this.hold = options.hold;
    this.#nextOffset = options.hold.nextOffset;
    this.done = this.#run();
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** The partition was given to another member: nothing of it is committed or released any more. */
  get lost(): boolean {
    return this.#lost;
  }

  get reached(): OffsetCommit {
    return { seat: this.#options.seat, hold: this.hold, nextOffset: this.#nextOffset };
  }

  /** There may be new events. */
  notify(): void {
    this.#news = true;
    this.#wake?.();
  }

  /** Takes no further batch. */
  stop(): void {
    this.#stopping = true;
    this.#endPause?.();
    this.#wake?.();
  }

  /** Takes no further batch, because somebody else does. */
  fence(): void {
    this.#lost = true;
    this.stop();
  }

  async #run(): Promise<void> {
    const { soon } = this.#options.world;
    for (let failures = 0; ; ) {
      // A turn between batches: a long backlog must not keep timers, appends and sockets waiting.
      await new Promise<void>((resolve) => soon(resolve));
      if (this.#stopping) return;
      try {
        const events = this.#read();
        if (events.length > 0) await this.#deliver(events);
        else await this.#untilNews();
        failures = 0;
      } catch (cause) {
        const { topic, group } = this.#options.seat;
        const { partition } = this.hold;
        this.#options.world.log.error(
          { err: cause, topic, group, partition },
          'cannot deliver events',
        );
        await this.#pause(failures++);
      }
    }
  }

  #read(): readonly LogEvent[] {
    const { file, subscribe } = this.#options;
    // Before the read: what is appended during it must not be slept over.
    this.#news = false;
    return file.read(this.hold.partition, this.#nextOffset, subscribe.batchMax);
  }

  /** Delivers the same events until the handler resolves. */
  async #deliver(events: readonly LogEvent[]): Promise<void> {
    const { world, seat, subscribe, onHandled } = this.#options;
    const { partition, epoch } = this.hold;
    const batch: LogBatch = { topic: seat.topic, partition, events, leaseEpoch: epoch };
    for (let failures = 0; !this.#stopping; ) {
      world.steps.reach('event-log.batch.before');
      try {
        await subscribe.handle(batch);
      } catch (error) {
        subscribe.onError(error, batch);
        await this.#pause(failures++);
        continue;
      }
      world.steps.reach('event-log.batch.handled');
      this.#nextOffset = events.at(-1)!.offset + 1n;
      if (!this.#lost) onHandled(this.reached);
      return;
    }
  }

  #untilNews(): Promise<void> {
    if (this.#news || this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #pause(failures: number): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    const { clock, random } = this.#options.world;
    const longest = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** failures);
    return new Promise((resolve) => {
      const timer = clock.after(longest * (0.5 + random.fraction() / 2), () => this.#endPause?.());
      this.#endPause = () => {
        this.#endPause = undefined;
        timer.cancel();
        resolve();
      };
    });
  }
}
