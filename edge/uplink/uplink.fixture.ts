import type {
  SyncRequest,
  SyncResponse,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { BlockForm, Codec } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { type Lane, laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import { addRange, coverage, EMPTY_POSITION, union } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';
import type { BlockHead, Buffer as GatewayBuffer, LanePosition } from '../buffer/buffer.ts';
import type { Link, LinkEvents, OpenLink } from './link.ts';

/** A buffer of one lane in memory: what the uplink asks of it, and nothing else. */
export class MemoryBuffer {
  readonly incarnation = 'i1';
  readonly bytesOnDisk = 0;
  readonly parked: string[] = [];
  readonly log: string[] = [];
  turn: Uint8Array = new Uint8Array();
  damaged: bigint | undefined;
  /** Disk work waits for this. */
  gate: Promise<void> = Promise.resolve();
  position: LanePosition;
  readonly #sealed: BlockHead[] = [];
  readonly #listeners = new Set<(lanes: ReadonlySet<Lane>) => void>();

  constructor(lane: Lane = 'telemetry') {
    const nothing = { accepted: 0n, acknowledged: EMPTY_POSITION, settled: EMPTY_POSITION };
    this.position = { incarnation: this.incarnation, lane, ...nothing };
  }

  /** As the uplink takes it. */
  get port(): GatewayBuffer {
    return this as unknown as GatewayBuffer;
  }

  accept(count: number): void {
    const accepted = this.position.accepted + BigInt(count);
    this.position = { ...this.position, accepted };
    for (const listener of this.#listeners) listener(new Set([this.position.lane]));
  }

  positions(): readonly LanePosition[] {
    return [this.position];
  }

  async holdTurn(turn: Uint8Array): Promise<void> {
    await this.gate;
    this.turn = turn;
    this.log.push('turn held');
  }

  async seal(lane: Lane): Promise<readonly BlockHead[]> {
    const from = (this.#sealed.at(-1)?.range.last ?? 0n) + 1n;
    if (lane !== this.position.lane || from > this.position.accepted) return [];
    const range = { first: from, last: this.position.accepted };
    const head = { incarnation: this.incarnation, lane, range, bytes: 10 };
    this.#sealed.push(head);
    return [head];
  }

  sealed(...where: Parameters<GatewayBuffer['sealed']>): readonly BlockHead[] {
    const [, lane, from, limit] = where;
    const over = union(this.position.acknowledged, this.position.settled);
    return this.#sealed
      .filter((head) => head.lane === lane && head.range.first >= from)
      .filter(({ range }) => coverage(over, range) !== 'covered')
      .slice(0, limit);
  }

  async read({ incarnation, lane, range }: BlockHead) {
    if (range.first === this.damaged) {
      this.settle(range);
      throw new AppError('STORE_DAMAGED', 'the block is damaged');
    }
    const block = {
      incarnation,
      lane: laneToWire(lane),
      firstSequence: range.first,
      count: Number(range.last - range.first) + 1,
      form: BlockForm.BLOCK_FORM_RAW,
      codec: Codec.CODEC_NONE,
      body: Buffer.from('0123456789'),
      traceparent: '',
    };
    return { ...block, checksum: blockChecksum(block) };
  }

  async acknowledge(_incarnation: string, lane: Lane, durable: LanePosition['acknowledged']) {
    if (lane !== this.position.lane) return;
    const acknowledged = union(this.position.acknowledged, durable);
    this.position = { ...this.position, acknowledged };
    this.log.push(`acknowledged ${acknowledged.contiguous}`);
  }

  async park(...what: Parameters<GatewayBuffer['park']>) {
    const [, lane, range, reason] = what;
    this.parked.push(`${lane} ${range.first}-${range.last} ${reason}`);
    this.settle(range);
  }

  async forgetSent(): Promise<void> {}

  ledger() {
    return [];
  }

  onCommitted(listener: (lanes: ReadonlySet<Lane>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onReopened(): () => void {
    return () => {};
  }

  private settle(range: BlockHead['range']): void {
    this.position = { ...this.position, settled: addRange(this.position.settled, range) };
  }
}

/** The cloud's end of the links that the uplink opens. */
export class ScriptedCloud {
  readonly links: ScriptedLink[] = [];
  readonly open: OpenLink = (_credentials, events) => {
    const link = new ScriptedLink(events);
    this.links.push(link);
    return link;
  };

  get last(): ScriptedLink {
    const link = this.links.at(-1);
    if (!link) throw new Error('no link was opened');
    return link;
  }
}

export class ScriptedLink implements Link {
  readonly sent: SyncRequest[] = [];
  readonly #events: LinkEvents;
  isOver = false;

  constructor(events: LinkEvents) {
    this.#events = events;
  }

  async send(request: SyncRequest): Promise<void> {
    if (!this.isOver) this.sent.push(request);
  }

  close(): void {
    this.end(undefined);
  }

  cancel(error: AppError): void {
    this.end(error);
  }

  opened(): void {
    this.#events.onOpen();
  }

  answer(frame: NonNullable<SyncResponse['frame']>): void {
    this.#events.onFrame({ frame });
  }

  end(error: AppError | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    // Never within the call that caused it, as on a socket.
    queueMicrotask(() => this.#events.onEnd(error));
  }

  kinds(): string[] {
    return this.sent.map(({ frame }) => frame?.$case ?? 'none');
  }
}
