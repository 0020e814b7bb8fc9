import type { BatchIdentity } from '@holdfast/cloud/edge-link/domain/batch-event.ts';
import { checkBlock } from '@holdfast/cloud/edge-link/domain/block-check.ts';
import {
  compareBlock,
  judgeBlock,
  type KnownBlock,
  overlaps,
} from '@holdfast/cloud/edge-link/domain/block-judgement.ts';
import { judgeHello, showTurn, type Turns } from '@holdfast/cloud/edge-link/domain/fencing.ts';
import { readHello } from '@holdfast/cloud/edge-link/domain/hello.ts';
import {
  createHoldings,
  type HoldingsTable,
} from '@holdfast/cloud/edge-link/domain/lane-holdings.ts';
import {
  frameAction,
  frameKind,
  type StreamPhase,
} from '@holdfast/cloud/edge-link/domain/stream-phase.ts';
import { welcomeFrame } from '@holdfast/cloud/edge-link/greet-gateway.ts';
import {
  type Block,
  type Hello,
  RefusalReason,
  type SyncRequest,
  type SyncResponse,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { LANES, type Lane, laneToWire } from '@holdfast/shared/contracts/lanes.ts';
import {
  addRange,
  coverage,
  EMPTY_POSITION,
  type PositionSet,
  positionToWire,
  union,
} from '@holdfast/shared/domain/ranges.ts';
import { GATEWAY_ID } from './sync-protocol.gateway.ts';

const PEER = { gatewayId: GATEWAY_ID, tenant: 'dev', site: 'site-1' };

/** A mistake built in on purpose, to show that the checks find it. */
export type PlantedBug = 'acknowledge-before-append' | 'range-off-by-one' | 'stale-hello-judged';

/** What survives a crash of the cloud: the log, and what the consumers of the log stored. */
export interface CloudDisk {
  readonly log: BatchIdentity[];
  turns: Turns | undefined;
  welcomes: number;
  fenced: boolean;
  consumed: number;
  readonly positions: Record<Lane, PositionSet>;
  readonly gone: Record<Lane, PositionSet>;
  readonly blocks: { readonly lane: Lane; readonly block: KnownBlock }[];
  /** How often each sequence took effect, and in which order; what was set aside. */
  readonly effects: Record<Lane, bigint[]>;
  readonly parked: string[];
}

export function newCloudDisk(): CloudDisk {
  const positions = () => ({
    stock: EMPTY_POSITION,
    event: EMPTY_POSITION,
    telemetry: EMPTY_POSITION,
  });
  return {
    log: [],
    turns: undefined,
    welcomes: 0,
    fenced: false,
    consumed: 0,
    positions: positions(),
    gone: positions(),
    blocks: [],
    effects: { stock: [], event: [], telemetry: [] },
    parked: [],
  };
}

/** The consumer of the log: at least once in, exactly once out. */
export function consume(disk: CloudDisk, upTo: number): void {
  for (; disk.consumed < Math.min(upTo, disk.log.length); disk.consumed++) {
    const { lane, range, checksum } = disk.log[disk.consumed]!;
    const covered = coverage(disk.positions[lane], range);
    const known = knownBlocks(disk, lane, range);
    if (covered === 'covered' && compareBlock({ range, checksum }, known) === 'repeat') continue;
    if (covered !== 'disjoint') {
      disk.parked.push(`${lane} ${range.first}-${range.last} ${covered}`);
      continue;
    }
    disk.positions[lane] = addRange(disk.positions[lane], range);
    disk.blocks.push({ lane, block: { range, checksum } });
    for (let at = range.first; at <= range.last; at++) disk.effects[lane].push(at);
  }
}

function knownBlocks(disk: CloudDisk, lane: Lane, range: KnownBlock['range']): KnownBlock[] {
  return disk.blocks
    .filter((one) => one.lane === lane && overlaps(one.block.range, range))
    .map(({ block }) => block);
}

const REASONS = {
  'partly-covered': RefusalReason.REFUSAL_REASON_PARTLY_COVERED,
  gap: RefusalReason.REFUSAL_REASON_GAP,
  'too-many-ranges': RefusalReason.REFUSAL_REASON_TOO_MANY_RANGES,
};

/** One stream's cloud end: the rules that are tested, on arrays instead of a log and a database. */
export class SimulatedStream {
  phase: StreamPhase = 'opened';
  readonly out: SyncResponse[] = [];
  readonly #disk: CloudDisk;
  readonly #freshTurn: string;
  readonly #bug: PlantedBug | undefined;
  readonly #welcomesAtOpen: number;
  #holdings: HoldingsTable = createHoldings([]);

  constructor(disk: CloudDisk, options: { freshTurn: string; bug: PlantedBug | undefined }) {
    this.#disk = disk;
    this.#freshTurn = options.freshTurn;
    this.#bug = options.bug;
    this.#welcomesAtOpen = disk.welcomes;
  }

  /**
   * `appended` says what becomes of an append: done, or failed with or without the record being
   * there.
   */
  receive(request: SyncRequest, appended: 'done' | 'failed' | 'failed-but-there'): void {
    const action = frameAction(this.phase, frameKind(request));
    const { frame } = request;
    if (action === 'ignore') return;
    if (action === 'violation') throw new Error(`violation: ${frame?.$case} while ${this.phase}`);
    if (frame?.$case === 'hello') this.#greet(frame.value);
    if (action === 'show-turn' || action === 'show-turn-and-take') this.#show();
    if (frame?.$case === 'block' && this.phase === 'streaming') this.#take(frame.value, appended);
  }

  #greet(hello: Hello): void {
    const disk = this.#disk;
    const { lastTurn, lanes } = readHello(hello, PEER);
    const isStale = disk.welcomes !== this.#welcomesAtOpen;
    if (isStale && this.#bug !== 'stale-hello-judged') {
      this.phase = 'ended';
      return;
    }
    consume(disk, disk.log.length);
    const claims = lanes.map((lane) => ({ ...lane, durable: disk.positions[lane.lane] }));
    const known = disk.turns && {
      turns: disk.turns,
      fenced: disk.fenced ? ('turn' as const) : undefined,
      superseded: false,
      reportedDelivered: new Map(),
    };
    const verdict = judgeHello({ lastTurn, lanes: claims }, known, this.#freshTurn);
    if (verdict.kind === 'fenced') {
      disk.fenced = true;
      this.phase = 'ended';
      const value = { incarnation: hello.incarnation, code: 'INCARNATION_FENCED', hint: '' };
      this.out.push({ frame: { $case: 'fenced', value } });
      return;
    }
    disk.turns = verdict.turns;
    disk.welcomes++;
    for (const { lane, acknowledged, settled } of lanes) {
      disk.gone[lane] = union(disk.gone[lane], union(acknowledged, settled));
    }
    this.phase = 'welcomed';
    const greeted = LANES.map((lane) => ({
      incarnation: hello.incarnation,
      lane,
      durable: disk.positions[lane],
      gone: disk.gone[lane],
      told: true,
    }));
    this.#holdings = createHoldings(greeted);
    const welcome = { turn: this.#freshTurn, creditBytes: 800, retrySpreadMs: 0, nowMicros: 0n };
    this.out.push(welcomeFrame(greeted, welcome));
  }

  #show(): void {
    const turns = this.#disk.turns && showTurn(this.#disk.turns, this.#freshTurn);
    // Another stream's turn was shown since: this one was replaced.
    this.phase = turns ? 'streaming' : 'ended';
    if (turns) this.#disk.turns = turns;
  }

  #take(block: Block, appended: 'done' | 'failed' | 'failed-but-there'): void {
    const checked = checkBlock(block, { gatewayId: GATEWAY_ID, bytesMax: 1_000 });
    if (checked.kind !== 'intact') throw new Error(`a block arrived damaged: ${checked.kind}`);
    const { identity } = checked;
    const judgement = judgeBlock(identity.lane, identity.range, this.#holdings.of(identity));
    if (judgement === 'append') {
      if (appended !== 'failed') this.#disk.log.push(identity);
      if (appended !== 'done') {
        if (this.#bug === 'acknowledge-before-append') {
          this.#holdings.append(identity, identity);
          this.#acknowledge(block, identity.lane);
        }
        this.phase = 'ended';
        return;
      }
      this.#holdings.append(identity, identity);
      this.#acknowledge(block, identity.lane);
    } else if (judgement === 'compare') {
      const known = knownBlocks(this.#disk, identity.lane, identity.range);
      const remembered = this.#holdings.remembered(identity, identity.range);
      const compared = compareBlock(identity, [...known, ...remembered]);
      if (compared === 'repeat') this.#acknowledge(block, identity.lane);
      else this.#refuse(block, identity.lane, RefusalReason.REFUSAL_REASON_CONFLICT);
    } else this.#refuse(block, identity.lane, REASONS[judgement]);
  }

  #acknowledge({ incarnation, body }: Block, lane: Lane): void {
    const told = this.#holdings.told({ incarnation, lane });
    const { contiguous } = told;
    const wrong = { contiguous: contiguous + 1n, ranges: [] };
    const durable = this.#bug === 'range-off-by-one' ? union(told, wrong) : told;
    const value = {
      incarnation,
      lane: laneToWire(lane),
      durable: positionToWire(durable),
      replicated: undefined,
      creditBytes: BigInt(body.byteLength),
    };
    this.out.push({ frame: { $case: 'ack', value } });
  }

  #refuse(
    { incarnation, firstSequence, count, body }: Block,
    lane: Lane,
    reason: RefusalReason,
  ): void {
    const value = {
      incarnation,
      lane: laneToWire(lane),
      range: { first: firstSequence, last: firstSequence + BigInt(count) - 1n },
      reason,
      durable: positionToWire(this.#holdings.told({ incarnation, lane })),
      creditBytes: BigInt(body.byteLength),
    };
    this.out.push({ frame: { $case: 'blockRefused', value } });
  }
}
