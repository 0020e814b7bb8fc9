import type { BlockHead, LanePosition } from '@holdfast/edge/buffer/buffer.ts';
import { blockFrame, helloFrame, turnHeldFrame } from '@holdfast/edge/uplink/frames.ts';
import { UplinkSession } from '@holdfast/edge/uplink/session.ts';
import type { Effect, SessionEvent } from '@holdfast/edge/uplink/session-table.ts';
import type {
  SyncRequest,
  SyncResponse,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { BlockForm, Codec } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { LANES, type Lane, laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import {
  addRange,
  coverage,
  EMPTY_POSITION,
  type PositionSet,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';

export const GATEWAY_ID = 'gw_sim';

interface DiskLane {
  accepted: bigint;
  sealedTo: bigint;
  sealed: BlockHead[];
  acknowledged: PositionSet;
  settled: PositionSet;
}

/** What survives a crash of the gateway. */
export interface GatewayDisk {
  readonly incarnation: string;
  turn: Uint8Array;
  readonly lanes: Record<Lane, DiskLane>;
}

export function newDisk(incarnation: string): GatewayDisk {
  const lane = (): DiskLane => ({
    accepted: 0n,
    sealedTo: 0n,
    sealed: [],
    acknowledged: EMPTY_POSITION,
    settled: EMPTY_POSITION,
  });
  const lanes = { stock: lane(), event: lane(), telemetry: lane() };
  return { incarnation, turn: new Uint8Array(), lanes };
}

export function accept(disk: GatewayDisk, lane: Lane, count: number): void {
  disk.lanes[lane].accepted += BigInt(count);
}

/** Cuts blocks of at most `max` records. */
export function seal(disk: GatewayDisk, lane: Lane, max = 4n): void {
  const on = disk.lanes[lane];
  while (on.sealedTo < on.accepted) {
    const first = on.sealedTo + 1n;
    const last = first + max - 1n < on.accepted ? first + max - 1n : on.accepted;
    const { incarnation } = disk;
    on.sealed.push({ incarnation, lane, range: { first, last }, bytes: 100 });
    on.sealedTo = last;
  }
}

/**
 * The gateway's process: the session that is tested, and the smallest thing that carries out its
 * effects.
 */
export class SimulatedGateway {
  readonly session: UplinkSession;
  readonly out: SyncRequest[] = [];
  readonly parked: string[] = [];
  fenced = false;
  readonly #disk: GatewayDisk;
  /** Disk work that a crash takes away. */
  readonly #waiting: (() => void)[] = [];

  constructor(disk: GatewayDisk) {
    this.#disk = disk;
    const positions = LANES.map((lane): LanePosition => {
      const { accepted, acknowledged, settled } = disk.lanes[lane];
      return { incarnation: disk.incarnation, lane, accepted, acknowledged, settled };
    });
    this.session = new UplinkSession({
      incarnation: disk.incarnation,
      positions,
      peek: (...[, lane, from, limit]) => openBlocks(disk, lane, from).slice(0, limit),
    });
    const { incarnation, turn } = disk;
    const gatewayId = GATEWAY_ID;
    this.out.push(helloFrame({ gatewayId, incarnation, turn, softwareVersion: 'sim', positions }));
  }

  receive(response: SyncResponse): void {
    const { frame } = response;
    if (frame?.$case === 'welcome') this.#on({ kind: 'welcome', welcome: frame.value });
    if (frame?.$case === 'ack') this.#on({ kind: 'ack', ack: frame.value });
    if (frame?.$case === 'blockRefused') this.#on({ kind: 'refused', refused: frame.value });
    if (frame?.$case === 'fenced') this.#on({ kind: 'fenced', fenced: frame.value });
  }

  /** Carries out what the disk was asked for; the next Hello waits for it. */
  settleDisk(): void {
    for (let work = this.#waiting.shift(); work; work = this.#waiting.shift()) work();
  }

  /** Sends one block, if there is one and the credits allow it. */
  sendOne(): boolean {
    const next = this.session.next();
    if (next) this.out.push(blockFrame(blockOf(next.head), ''));
    return next !== undefined;
  }

  #on(event: SessionEvent): void {
    for (const effect of this.session.handle(event)) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    const disk = this.#disk;
    if (effect.kind === 'prepare') {
      this.#waiting.push(() => {
        disk.turn = Uint8Array.from(effect.turn);
        for (const { lane, durable } of effect.durable) acknowledge(disk, lane, durable);
        const lines = new Map<Lane, bigint>();
        for (const lane of LANES) {
          seal(disk, lane);
          lines.set(lane, disk.lanes[lane].accepted);
        }
        this.#on({ kind: 'prepared', lines });
      });
    }
    if (effect.kind === 'show-turn') this.out.push(turnHeldFrame(effect.turn));
    if (effect.kind === 'fence') this.fenced = true;
    if (effect.kind === 'acknowledge') {
      this.#waiting.push(() => acknowledge(disk, effect.lane.lane, effect.durable));
    }
    if (effect.kind === 'park') {
      const { lane, range, reason } = effect;
      this.parked.push(`${lane.lane} ${range.first}-${range.last} ${reason}`);
      this.#waiting.push(() => {
        disk.lanes[lane.lane].settled = addRange(disk.lanes[lane.lane].settled, range);
      });
    }
  }
}

function acknowledge(disk: GatewayDisk, lane: Lane, durable: PositionSet): void {
  disk.lanes[lane].acknowledged = union(disk.lanes[lane].acknowledged, durable);
}

function openBlocks(disk: GatewayDisk, lane: Lane, from: bigint): BlockHead[] {
  const { sealed, acknowledged, settled } = disk.lanes[lane];
  const over = union(acknowledged, settled);
  return sealed.filter(({ range }) => range.first >= from && coverage(over, range) !== 'covered');
}

/** The content is made of the range: a block that is cut anew has another checksum. */
function blockOf({ incarnation, lane, range }: BlockHead) {
  const block = {
    incarnation,
    lane: laneToWire(lane),
    firstSequence: range.first,
    count: Number(range.last - range.first) + 1,
    form: BlockForm.BLOCK_FORM_RAW,
    codec: Codec.CODEC_NONE,
    body: Buffer.from(`${lane} ${range.first}-${range.last}`.padEnd(100)),
    traceparent: '',
  };
  return { ...block, checksum: blockChecksum(block) };
}
