import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { AcceptedMessage, AppendOutcome } from '../buffer.ts';
import type { BufferSettings } from '../buffer-settings.ts';
import type { Settlement, StoreReads } from '../buffer-store.ts';
import type { GroupCommit } from '../group-commit.ts';
import { type LaneStream, settle } from '../lane-stream.ts';
import type { StoreWriter } from '../store-writer.ts';
import { budgetOf, limitOf } from './budget.ts';
import { HeldAppends } from './held-appends.ts';
import { Retention, type RetentionOptions } from './retention.ts';
import { SentMarks } from './sent-marks.ts';
import type { Volume } from './volume.ts';
import { VolumeWatch } from './volume-watch.ts';

/** Above what the other lanes may use, so that stock is writable when they are full. */
export const STOCK_RESERVE_BYTES = 64 * 1024 * 1024;

export interface BoundedDiskOptions
  extends Pick<RetentionOptions, 'streams' | 'writer' | 'change' | 'seal' | 'damaged' | 'soon'> {
  readonly reads: Pick<StoreReads, 'sealed' | 'sent'>;
  readonly settings: BufferSettings;
  /** Undefined where nobody looks at the volume: then only the bytes are bounded. */
  readonly volume: Volume | undefined;
  readonly runtime: Runtime;
  /** Numbers of the lane changed. */
  readonly changed: (lane: Lane) => void;
}

/** The buffer's disk is bounded: budget, condensing and dropping, reserve, back-pressure. */
export class BoundedDisk {
  readonly #writer: StoreWriter;
  readonly #settings: BufferSettings;
  readonly #sent: SentMarks;
  readonly #retention: Retention;
  readonly #watch: VolumeWatch | undefined;
  readonly #meters;
  readonly #options: BoundedDiskOptions;
  #held: HeldAppends | undefined;

  constructor(options: BoundedDiskOptions) {
    this.#options = options;
    this.#writer = options.writer;
    this.#settings = options.settings;
    this.#meters = createMeters(options.runtime);
    this.#sent = new SentMarks({ ...options, clock: options.runtime.clock });
    const { volume, runtime } = options;
    const onError = (err: unknown): void => {
      if (err instanceof AppError && err.code === 'BUFFER_FULL') this.full();
      runtime.log.warn({ err }, 'the disk budget could not be kept; it is tried again');
    };
    this.#retention = new Retention({
      ...options,
      sent: this.#sent,
      budget: () => this.#budget(),
      wanted: () => this.#held?.wantedBytes ?? 0,
      settled: (stream, settlement) => this.#settled(stream, settlement),
      freed: () => this.#held?.retry(),
      onError,
    });
    const looked = (): void => this.#looked();
    const { clock } = runtime;
    this.#watch = volume && new VolumeWatch({ volume, clock, looked, onError });
    this.#watch?.start();
  }

  /** Messages go to the commits from here on, or wait for room. */
  holdFor(commits: GroupCommit): void {
    this.#held = new HeldAppends({
      commits,
      clock: this.#options.runtime.clock,
      onHeld: (lane, count) => this.#heldNow(lane, count),
    });
  }

  append(message: AcceptedMessage): Promise<AppendOutcome> {
    return this.#held!.append(message);
  }

  /** Whether messages of the lane wait for room. */
  isHolding(lane: Lane): boolean {
    return this.#held!.isHolding(lane);
  }

  /** Up to where the lane may fill the file. */
  limitOf(lane: Lane): number {
    if (lane !== 'stock') return limitOf(lane, this.#budget());
    return this.#settings.bytesMax + STOCK_RESERVE_BYTES;
  }

  /** The block is about to be handed out: it keeps its bytes until the cloud has said otherwise. */
  async handOut(stream: LaneStream, range: SequenceRange): Promise<void> {
    await this.#retention.settledAround(stream, range);
    await this.#sent.mark(stream, range);
  }

  /** The cloud has said what it holds of this incarnation. */
  forgetSent(incarnation: string): void {
    for (const stream of this.#options.streams)
      if (stream.incarnation === incarnation) this.#sent.forget(stream);
    this.#retention.sentForgotten();
  }

  /** Rows came or went. */
  nudge(): void {
    this.#retention.nudge();
  }

  /** Rows went. */
  freed(): void {
    this.#held?.retry();
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
    await this.#retention.stop();
    this.#held?.stop();
  }

  #budget(): number {
    const { bytesMax, volumeShareMax } = this.#settings;
    const fileBytes = this.#writer.bytes.file;
    return budgetOf({ bytesMax, volumeShareMax, fileBytes, volume: this.#watch?.space });
  }

  #looked(): void {
    this.#meters.budget.set(this.#budget());
    this.#meters.used.set(this.#writer.bytes.used);
    this.#meters.reserved.set(this.#watch?.isReserved ? 1 : 0);
    this.#retention.nudge();
    this.#held?.retry();
  }

  #heldNow(lane: Lane, count: number): void {
    this.#meters.held.set(count, { lane });
    if (count > 0) this.#retention.nudge();
  }

  /**
   * A write found the disk full. The reserve is given back at once: `stock` goes on, and what makes
   * room can run.
   */
  full(): void {
    // Else it is tried again when the volume was looked at.
    if (!this.#watch?.full()) return;
    this.#options.soon(() => {
      this.#retention.nudge();
      this.#held?.retry();
    });
  }

  #settled(stream: LaneStream, settlement: Settlement): void {
    settle(stream, [settlement]);
    const { kind, range } = settlement;
    const count = Number(range.last - range.first + 1n);
    this.#meters.given.add(count, { lane: stream.lane, kind });
    this.#options.changed(stream.lane);
  }
}

function createMeters({ metrics }: Runtime) {
  return {
    budget: metrics.gauge('holdfast_buffer_budget_bytes', 'What telemetry and events may use now.'),
    used: metrics.gauge('holdfast_buffer_used_bytes', 'What the buffer holds.'),
    reserved: metrics.gauge(
      'holdfast_buffer_reserved',
      '1 while the reserve for stock lies on the disk, 0 while it is given back.',
    ),
    held: metrics.gauge(
      'holdfast_buffer_held_messages',
      'Messages whose acknowledgement waits for room.',
      ['lane'],
    ),
    given: metrics.counter(
      'holdfast_buffer_given_up_total',
      'Messages that were condensed or dropped to keep the disk budget.',
      ['lane', 'kind'],
    ),
  };
}
