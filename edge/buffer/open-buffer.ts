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
import type {
  AcceptedMessage,
  AppendOutcome,
  BlockHead,
  Exchange,
  Buffer as GatewayBuffer,
  LanePosition,
} from './buffer.ts';
import type { BufferSettings } from './buffer-settings.ts';
import type { BufferStore, OpenedStore, SettlementKind, TurnWrite } from './buffer-store.ts';
import { GroupCommit } from './group-commit.ts';
import { Intake } from './intake.ts';
import {
  type LaneStream,
  laneStream,
  ledgerOf,
  openWithin,
  pendingOf,
  positionOf,
  settle,
} from './lane-stream.ts';
import { ReceiveClock } from './receive-clock.ts';
import { cutBlock, isIntact } from './sealing.ts';

export interface OpenBufferOptions {
  readonly runtime: Runtime;
  readonly settings: BufferSettings;
  /** Whether a cloud ever confirmed the wall clock; each record says so. */
  readonly clockConfirmed?: () => boolean;
}

export interface OpenBuffer {
  readonly buffer: GatewayBuffer;
  readonly module: Module;
}

/** The buffer on an opened store. The module closes it. */
export function openBuffer(opened: OpenedStore, options: OpenBufferOptions): OpenBuffer {
  const buffer = new StoredBuffer(opened, options);
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

class StoredBuffer implements GatewayBuffer {
  readonly incarnation: string;
  readonly #store: BufferStore;
  readonly #streams: readonly LaneStream[];
  readonly #commits: GroupCommit;
  readonly #soon: (callback: () => void) => void;
  readonly #log;
  readonly #pending;
  readonly #listeners = new Set<(lanes: ReadonlySet<Lane>) => void>();
  readonly #sealing = new Map<Lane, Promise<unknown>>();
  #turn: Uint8Array;
  #closed = false;

  constructor({ store, streams, soon }: OpenedStore, options: OpenBufferOptions) {
    const { runtime, settings } = options;
    this.#store = store;
    this.incarnation = store.incarnation;
    this.#turn = store.turn();
    this.#streams = streams.map(laneStream);
    this.#soon = soon;
    this.#log = runtime.log;
    this.#pending = runtime.metrics.gauge(
      'holdfast_buffer_pending',
      'Accepted messages that are neither acknowledged by the cloud nor settled.',
      ['lane'],
    );
    const present = this.#streams.filter((stream) => stream.incarnation === store.incarnation);
    const byLane = new Map(present.map((stream) => [stream.lane, stream]));
    this.#commits = new GroupCommit({
      intake: new Intake({ store, streams: byLane, bytesMax: settings.bytesMax }),
      store,
      receiveClock: new ReceiveClock({
        clock: runtime.clock,
        random: runtime.random,
        confirmed: options.clockConfirmed ?? (() => false),
      }),
      runtime,
      commitWindowMs: settings.commitWindowMs,
      soon,
      committed: (write) => this.#committed(write),
    });
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
    return this.#store.fileBytes();
  }

  append(message: AcceptedMessage): Promise<AppendOutcome> {
    // Not an async function: a second promise per message would cost as much as the first.
    return this.#closed ? Promise.reject(closed()) : this.#commits.append(message);
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
    this.#store.holdTurn(turn);
    this.#turn = turn.slice();
  }

  positions(): readonly LanePosition[] {
    this.#assertOpen();
    return this.#streams.map(positionOf);
  }

  /** One after the other per lane, so that each caller gets whole, ascending heads. */
  async seal(lane: Lane): Promise<readonly BlockHead[]> {
    this.#assertOpen();
    const before = this.#sealing.get(lane) ?? Promise.resolve();
    const heads = before.then(() => this.#cutAll(lane));
    const settled = heads.then(
      () => {},
      () => {
        // The failure is this caller's alone; the next one only waits.
      },
    );
    this.#sealing.set(lane, settled);
    return heads;
  }

  sealed(...where: Parameters<GatewayBuffer['sealed']>): readonly BlockHead[] {
    const [incarnation, lane, from, limit] = where;
    this.#assertOpen();
    const stream = this.#find(incarnation, lane);
    if (!stream) return [];
    return this.#store
      .sealed(stream.id, from, limit)
      .map((row) => ({ incarnation, lane, range: row.range, bytes: row.bytes }));
  }

  async read(head: BlockHead): Promise<Block> {
    this.#assertOpen();
    const stream = this.#find(head.incarnation, head.lane);
    const block = stream && this.#readOrDamaged(stream, head.range.first);
    if (!stream || !block) throw unknownBlock(head);
    if (block !== 'damaged' && isIntact(block)) return block;
    this.#settle(stream, head.range, { kind: 'damaged', reason: 'checksum' });
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
    const position = union(stream.acknowledged, durable);
    if (sizeOf(position) === sizeOf(stream.acknowledged)) return;
    this.#store.acknowledge(stream.id, position, newlyCovered(stream.acknowledged, position));
    stream.acknowledged = position;
    this.#showPending(lane);
  }

  async park(...what: Parameters<GatewayBuffer['park']>): Promise<void> {
    const [incarnation, lane, range, reason] = what;
    this.#assertOpen();
    const stream = this.#find(incarnation, lane);
    const known = stream && range.first >= 1n && range.last >= range.first;
    if (!known || range.last > stream.accepted)
      throw new AppError('REQUEST_INVALID', `${lane} ${range.first}-${range.last} is not held`);
    const cut = this.#store
      .held(stream.id, range)
      .find((held) => held.first < range.first || held.last > range.last);
    if (cut)
      throw new AppError(
        'REQUEST_INVALID',
        `${lane} ${range.first}-${range.last} would cut the block ${cut.first}-${cut.last}`,
      );
    this.#settle(stream, range, { kind: 'parked', reason });
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

  /** What was appended before is durable when this resolves. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#commits.flush();
    this.#closed = true;
    await Promise.all(this.#sealing.values());
    this.#store.close();
  }

  /** One block per turn of the event loop: a long backlog does not hold up the acknowledgements. */
  async #cutAll(lane: Lane): Promise<BlockHead[]> {
    const heads: BlockHead[] = [];
    for (const stream of this.#streams.filter((candidate) => candidate.lane === lane)) {
      const upTo = stream.accepted;
      for (;;) {
        if (this.#closed) return heads;
        const cut = cutBlock(this.#store, stream, upTo);
        if (cut.kind === 'nothing') break;
        if (cut.kind === 'block') heads.push(cut.head);
        else this.#settle(stream, cut.range, { kind: 'damaged', reason: 'checksum' });
        await new Promise<void>((resolve) => this.#soon(resolve));
      }
    }
    return heads;
  }

  #readOrDamaged(stream: LaneStream, first: bigint): Block | 'damaged' | undefined {
    try {
      return this.#store.block(stream.id, first);
    } catch (cause) {
      if (cause instanceof AppError && cause.code === 'STORE_DAMAGED') return 'damaged';
      throw cause;
    }
  }

  /**
   * What of the range is open ends here, as a durable record (I3); what was delivered stays
   * delivered.
   */
  #settle(
    stream: LaneStream,
    range: SequenceRange,
    { kind, reason }: { kind: SettlementKind; reason: string },
  ): void {
    const settlements = openWithin(stream, range).map((open) => ({ kind, range: open, reason }));
    if (settlements.length === 0) return;
    this.#store.settle(stream.id, settlements);
    settle(stream, settlements);
    this.#log.warn({ lane: stream.lane, kind, reason, range: describeRange(range) }, 'settled');
    this.#showPending(stream.lane);
  }

  #committed(write: TurnWrite): void {
    for (const head of write.heads) {
      const stream = this.#streams.find((candidate) => candidate.id === head.stream)!;
      stream.accepted = head.accepted;
      stream.unkeyed = head.unkeyed;
      stream.duplicates = head.duplicates;
    }
    const ids = new Set(write.groups.map((group) => group.stream));
    const grown = this.#streams.filter((stream) => ids.has(stream.id)).map(({ lane }) => lane);
    if (grown.length === 0) return;
    for (const lane of grown) this.#showPending(lane);
    const lanes = new Set(grown);
    // After the acknowledgements: a listener's work must not hold them up, nor its failure undo a
    // commit.
    this.#soon(() => {
      if (!this.#closed) for (const listener of this.#listeners) listener(lanes);
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
    if (this.#closed) throw closed();
  }
}

/** The stretches whose rows can go: those that the position did not hold in this form before. */
function newlyCovered(before: PositionSet, after: PositionSet): SequenceRange[] {
  const covered: SequenceRange[] = after.ranges.filter(
    (range) =>
      !before.ranges.some((held) => held.first === range.first && held.last === range.last),
  );
  if (after.contiguous > before.contiguous) covered.push({ first: 1n, last: after.contiguous });
  return covered;
}

function closed(): AppError {
  return new AppError('UNAVAILABLE', 'the buffer is closed');
}

function unknownBlock(head: BlockHead): AppError {
  return new AppError('NOT_FOUND', `${describe(head)} is not held; it was freed or never cut`);
}

function describe({ lane, range }: BlockHead): string {
  return `block ${lane} ${describeRange(range)}`;
}

function describeRange(range: SequenceRange): string {
  return `${range.first}-${range.last}`;
}
