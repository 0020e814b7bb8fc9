import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';
import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import {
  highest,
  type PositionSet,
  type SequenceRange,
  sizeOf,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { blockAtHand, describe, describeRange, unknownBlock } from './block-at-hand.ts';
import { BlockCutter } from './block-cutter.ts';
import type {
  AcceptedMessage,
  AppendOutcome,
  BlockHead,
  Exchange,
  Buffer as GatewayBuffer,
  LanePosition,
  Offering,
  SealOptions,
} from './buffer.ts';
import type { BufferSettings } from './buffer-settings.ts';
import type { OpenedStore, SettlementKind, StoreReads, TurnWrite } from './buffer-store.ts';
import { GroupCommit } from './group-commit.ts';
import { Intake } from './intake.ts';
import {
  advance,
  type LaneStream,
  laneStream,
  ledgerOf,
  newlyCovered,
  openWithin,
  pendingOf,
  positionOf,
  settle,
} from './lane-stream.ts';
import { type BufferOnStore, LastingBuffer } from './lasting-buffer.ts';
import { ReceiveClock } from './receive-clock.ts';
import { BoundedDisk } from './retention/bounded-disk.ts';
import type { Volume } from './retention/volume.ts';
import { SpaceReturn } from './space-return.ts';
import type { StoreWriter } from './store-writer.ts';

export interface OpenBufferOptions {
  readonly runtime: Runtime;
  readonly settings: BufferSettings;
  /** Whether a cloud ever confirmed the wall clock; each record says so. */
  readonly clockConfirmed?: () => boolean;
  /** The volume under the file; without it only the bytes are bounded. */
  readonly volume?: Volume;
}

export interface OpenBuffer {
  readonly buffer: GatewayBuffer;
  readonly module: Module;
}

/** The buffer on an opened store. The module closes it. */
export function openBuffer(opened: OpenedStore, options: OpenBufferOptions): OpenBuffer {
  const { runtime } = options;
  const onStore = (store: OpenedStore): BufferOnStore => new StoredBuffer(store, options);
  const buffer = new LastingBuffer(opened, { runtime, onStore });
  return {
    buffer,
    module: {
      name: 'buffer',
      needs: [],
      start: async () => {},
      stop: () => buffer.close(),
      degraded: () => buffer.failure?.message,
    },
  };
}

class StoredBuffer implements BufferOnStore {
  readonly incarnation: string;
  readonly #reads: StoreReads;
  readonly #writer: StoreWriter;
  readonly #closeStore: () => Promise<void>;
  readonly #streams: readonly LaneStream[];
  readonly #commits: GroupCommit;
  readonly #cutter: BlockCutter;
  readonly #disk: BoundedDisk;
  readonly #space: SpaceReturn;
  readonly #soon: (callback: () => void) => void;
  readonly #log;
  readonly #pending;
  readonly #listeners = new Set<(lanes: ReadonlySet<Lane>) => void>();
  #changed: Promise<unknown> = Promise.resolve();
  #turn: Uint8Array;
  #closing: Promise<void> | undefined;

  constructor(opened: OpenedStore, options: OpenBufferOptions) {
    const { reads, writer, incarnation } = opened;
    const { runtime, settings } = options;
    this.#reads = reads;
    this.#writer = writer;
    this.#closeStore = () => opened.close();
    this.incarnation = incarnation;
    this.#turn = opened.turn;
    this.#streams = opened.streams.map(laneStream);
    this.#soon = opened.soon;
    this.#log = runtime.log;
    this.#pending = runtime.metrics.gauge(
      'holdfast_buffer_pending',
      'Accepted messages that are neither acknowledged by the cloud nor settled.',
      ['lane'],
    );
    const present = this.#streams.filter((stream) => stream.incarnation === incarnation);
    const byLane = new Map(present.map((stream) => [stream.lane, stream]));
    this.#cutter = new BlockCutter({
      streams: this.#streams,
      writer,
      change: (work) => this.#change(work),
      damaged: (stream, range) => this.#damaged(stream, range),
      soon: opened.soon,
      isClosing: () => this.#closing !== undefined,
    });
    this.#disk = this.#boundDisk(options);
    this.#space = new SpaceReturn({
      shrink: () => this.#change(async () => !this.#closing && writer.write('shrink')),
      soon: opened.soon,
      onError: (error) => runtime.log.warn({ err: error }, 'the file keeps its free space'),
    });
    this.#commits = new GroupCommit({
      intake: new Intake({
        reads,
        usedBytes: () => writer.bytes.used,
        streams: byLane,
        limitOf: (lane) => this.#disk.limitOf(lane),
      }),
      writer,
      receiveClock: new ReceiveClock({
        clock: runtime.clock,
        random: runtime.random,
        confirmed: options.clockConfirmed ?? (() => false),
      }),
      runtime,
      commitWindowMs: settings.commitWindowMs,
      commitSpacingMs: opened.commitSpacingMs,
      soon: opened.soon,
      diskFull: () => this.#disk.full(),
      committed: (write) => this.#committed(write),
    });
    this.#disk.holdFor(this.#commits);
    for (const stream of this.#streams) this.#showPending(stream.lane);
  }

  get failure(): AppError | undefined {
    return this.#commits.failure;
  }

  get turn(): Uint8Array {
    return this.#turn;
  }

  get bytesOnDisk(): number {
    this.#assertOpen();
    return this.#writer.bytes.file;
  }

  append(message: AcceptedMessage): Promise<AppendOutcome> {
    // Not an async function: a second promise per message would cost as much as the first.
    return this.#closing ? Promise.reject(closed()) : this.#disk.append(message);
  }

  offer(message: AcceptedMessage, by: Offering): AppendOutcome | undefined {
    if (this.#closing) return undefined;
    const { lane } = message;
    return this.#disk.isHolding(lane) ? { kind: 'full', lane } : this.#commits.offer(message, by);
  }

  get isBehind(): boolean {
    return this.#commits.isBehind;
  }

  caughtUp(): Promise<void> {
    return this.#commits.caughtUp();
  }

  async release(exchange: Exchange): Promise<void> {
    this.#assertOpen();
    await this.#commits.release(exchange);
  }

  async forgetClient(clientId: string): Promise<void> {
    this.#assertOpen();
    await this.#commits.forget(clientId);
  }

  async holdTurn(turn: Uint8Array): Promise<void> {
    this.#assertOpen();
    const held = turn.slice();
    await this.#writer.write('holdTurn', held);
    this.#turn = held;
  }

  async forgetSent(): Promise<void> {
    this.#assertOpen();
    this.#disk.forgetSent(this.incarnation);
  }

  positions(): readonly LanePosition[] {
    this.#assertOpen();
    return this.#streams.map(positionOf);
  }

  async seal(lane: Lane, options?: SealOptions): Promise<readonly BlockHead[]> {
    this.#assertOpen();
    return this.#cutter.seal(lane, options);
  }

  sealed(...where: Parameters<GatewayBuffer['sealed']>): readonly BlockHead[] {
    const [incarnation, lane, from, limit] = where;
    this.#assertOpen();
    const stream = this.#find(incarnation, lane);
    if (!stream) return [];
    return this.#reads
      .sealed(stream.id, from, limit)
      .map((row) => ({ incarnation, lane, range: row.range, bytes: row.bytes }));
  }

  async read(head: BlockHead): Promise<Block> {
    this.#assertOpen();
    const stream = this.#find(head.incarnation, head.lane);
    if (stream) await this.#disk.handOut(stream, head.range);
    const block = stream && blockAtHand(this.#reads, stream.id, head);
    if (!stream || !block) throw unknownBlock(head);
    if (block !== 'damaged') return block;
    await this.#change(() => this.#damaged(stream, head.range));
    throw new AppError('STORE_DAMAGED', `${describe(head)} is damaged and was set aside`);
  }

  async acknowledge(incarnation: string, lane: Lane, durable: PositionSet): Promise<void> {
    this.#assertOpen();
    const stream = this.#find(incarnation, lane);
    // The cloud remembers incarnations whose file is gone; there is nothing to free.
    if (!stream) return;
    if (highest(durable) > stream.accepted)
      throw new AppError(
        'INCARNATION_FENCED',
        `the cloud holds ${lane} up to ${highest(durable)}, this gateway up to ${stream.accepted}`,
        { hint: 'This disk is older than what was sent from it: a restored backup or a clone.' },
      );
    await this.#change(async () => {
      const position = union(stream.acknowledged, durable);
      if (sizeOf(position) === sizeOf(stream.acknowledged)) return;
      const freed = newlyCovered(stream.acknowledged, position);
      await this.#writer.write('acknowledge', stream.id, position, freed);
      stream.acknowledged = position;
      this.#showPending(lane);
      this.#space.freed();
      this.#disk.freed();
    });
  }

  async park(...what: Parameters<GatewayBuffer['park']>): Promise<void> {
    const [incarnation, lane, range, reason] = what;
    this.#assertOpen();
    const stream = this.#find(incarnation, lane);
    const known = stream && range.first >= 1n && range.last >= range.first;
    if (!known || range.last > stream.accepted)
      throw new AppError('REQUEST_INVALID', `${lane} ${range.first}-${range.last} is not held`);
    await this.#change(async () => {
      const cut = this.#reads
        .held(stream.id, range)
        .find((held) => held.first < range.first || held.last > range.last);
      if (cut)
        throw new AppError(
          'REQUEST_INVALID',
          `${lane} ${range.first}-${range.last} would cut the block ${cut.first}-${cut.last}`,
        );
      await this.#settle(stream, range, { kind: 'parked', reason });
    });
  }

  ledger(line: ReadonlyMap<Lane, bigint>): readonly LaneLedger[] {
    this.#assertOpen();
    return ledgerOf(this.#streams, this.incarnation, line);
  }

  onCommitted(listener: (lanes: ReadonlySet<Lane>) => void): () => void {
    this.#assertOpen();
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** This store is one file's; who opens the next one tells of it. */
  onReopened(): () => void {
    return () => {};
  }

  /** What was appended before is durable when this resolves. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAfterAll();
    return this.#closing;
  }

  async #closeAfterAll(): Promise<void> {
    await this.#disk.stop();
    await this.#commits.drain();
    await this.#cutter.idle();
    await this.#changed;
    await this.#closeStore();
  }

  /**
   * Positions and blocks change one after the other: each change starts from what the one before it
   * left on disk.
   */
  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changed.then(work);
    this.#changed = done.catch(() => {
      // The failure is this caller's alone; the next one only waits.
    });
    return done;
  }

  #damaged(stream: LaneStream, range: SequenceRange): Promise<void> {
    return this.#settle(stream, range, { kind: 'damaged', reason: 'checksum' });
  }

  /**
   * What of the range is open ends here, as a durable record (I3); what was delivered stays
   * delivered.
   */
  async #settle(
    stream: LaneStream,
    range: SequenceRange,
    { kind, reason }: { kind: SettlementKind; reason: string },
  ): Promise<void> {
    const settlements = openWithin(stream, range).map((open) => ({ kind, range: open, reason }));
    if (settlements.length === 0) return;
    await this.#writer.write('settle', stream.id, settlements);
    settle(stream, settlements);
    this.#log.warn({ lane: stream.lane, kind, reason, range: describeRange(range) }, 'settled');
    this.#showPending(stream.lane);
  }

  #committed(write: TurnWrite): void {
    const lanes = advance(this.#streams, write);
    if (lanes.size === 0) return;
    for (const lane of lanes) this.#showPending(lane);
    this.#disk.nudge();
    // After the acknowledgements: a listener's work must not hold them up, nor its failure undo a
    // commit.
    this.#soon(() => {
      if (!this.#closing) for (const listener of this.#listeners) listener(lanes);
    });
  }

  #boundDisk({ settings, runtime, volume }: OpenBufferOptions): BoundedDisk {
    return new BoundedDisk({
      settings,
      runtime,
      volume,
      streams: this.#streams,
      reads: this.#reads,
      writer: this.#writer,
      change: (work) => this.#change(work),
      seal: async (lane) => (await this.seal(lane)).length > 0,
      damaged: (stream, range) => this.#damaged(stream, range),
      soon: this.#soon,
      changed: (lane) => this.#showPending(lane),
    });
  }

  #showPending(lane: Lane): void {
    this.#pending.set(pendingOf(this.#streams, lane), { lane });
  }

  #find(incarnation: string, lane: Lane): LaneStream | undefined {
    return this.#streams.find(
      (stream) => stream.incarnation === incarnation && stream.lane === lane,
    );
  }

  #assertOpen(): void {
    if (this.#closing) throw closed();
  }
}

function closed(): AppError {
  return new AppError('UNAVAILABLE', 'the buffer is closed');
}
