import type {
  Ack,
  BlockRefused,
  Welcome,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { LANES, type Lane, laneFromWire } from '@holdfast/shared/contracts/lanes.ts';
import {
  coverage,
  highest,
  type PositionSet,
  positionFromWire,
  type SequenceRange,
} from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { unreachable } from '@holdfast/shared/lib/assert.ts';
import type { BlockHead, LanePosition } from '../buffer/buffer.ts';
import { type Credits, createCredits, SEND_KINDS, type SendKind } from './credits.ts';
import { emptyLane, type InFlight, type LaneHold, LaneSender, type Peek } from './lane-sender.ts';
import { answerRefusal, type Refusal, refusalFromWire } from './refusal.ts';
import {
  type Effect,
  type LaneOf,
  type Outgoing,
  type Phase,
  reactionTo,
  type SessionEvent,
} from './session-table.ts';

export const PROTOCOL_VERSION = 1;

export interface SessionOptions {
  readonly incarnation: string;
  /** As the Hello states them. */
  readonly positions: readonly LanePosition[];
  readonly peek: Peek;
}

/**
 * Pure and synchronous: events in, effects out. Whoever runs it carries the effects out in their
 * order.
 */
export class UplinkSession {
  readonly #incarnation: string;
  readonly #lanes: readonly LaneSender[];
  readonly #accepted: ReadonlyMap<string, bigint>;
  #credits: Credits = createCredits(0);
  #turn: Buffer = Buffer.alloc(0);
  #phase: Phase = 'greeting';

  constructor({ incarnation, positions, peek }: SessionOptions) {
    this.#incarnation = incarnation;
    const known = positions.map((position) => new LaneSender(position, peek));
    const fresh = LANES.filter(
      (lane) => !known.some((one) => one.lane === lane && one.incarnation === incarnation),
    ).map((lane) => new LaneSender(emptyLane(incarnation, lane), peek));
    this.#lanes = [...known, ...fresh].sort(byPrecedence);
    this.#accepted = new Map(positions.map((position) => [nameOf(position), position.accepted]));
  }

  get phase(): Phase {
    return this.#phase;
  }

  get inFlightCount(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.inFlightCount, 0);
  }

  /** Lanes that hold back, and why. */
  holds(): readonly (LaneOf & { readonly hold: LaneHold })[] {
    return this.#lanes.filter(({ hold }) => hold !== 'none');
  }

  /**
   * True when a lane of the own incarnation has sealed blocks above the line that wait to be sent.
   */
  hasLiveWaiting(lane: Lane): boolean {
    return this.#lane({ incarnation: this.#incarnation, lane })?.hasLiveWaiting() ?? false;
  }

  /**
   * The next block to send, taken from the credits; undefined when there is none, the credits are
   * used up, or the line has enough of what there is.
   */
  next(lineTakes: (kind: SendKind) => boolean = () => true): Outgoing | undefined {
    if (this.#phase !== 'streaming') return undefined;
    for (const kind of SEND_KINDS) {
      if (!lineTakes(kind)) continue;
      const found = this.#nextOf(kind);
      if (!found || !this.#credits.allows(kind, found.head.bytes)) continue;
      this.#credits.take(kind, found.head.bytes);
      found.lane.take(found.head, kind);
      return { head: found.head, kind };
    }
    return undefined;
  }

  handle(event: SessionEvent): readonly Effect[] {
    const reaction = reactionTo(this.#phase, event.kind);
    if (reaction === 'ignore') return [];
    if (reaction === 'violation') return this.#end(violation(`${event.kind} while ${this.#phase}`));
    switch (event.kind) {
      case 'welcome':
        return this.#prepare(event.welcome);
      case 'prepared':
        return this.#stream(event.lines);
      case 'ack':
        return this.#acknowledge(event.ack);
      case 'refused':
        return this.#refuse(event.refused);
      case 'fenced':
        return this.#fence(event.fenced.code, event.fenced.hint);
      case 'damaged':
        return this.#damage(event.head);
      case 'gone':
        return this.#withdraw(event.head);
      case 'late':
        return this.#end(new AppError('DEADLINE_EXCEEDED', LATE[this.#phase]));
      case 'closed':
        return this.#end(event.error);
      default:
        return unreachable(event);
    }
  }

  #prepare(welcome: Welcome): readonly Effect[] {
    if (welcome.protocolVersion < 1 || welcome.protocolVersion > PROTOCOL_VERSION) {
      const version = welcome.protocolVersion;
      return this.#end(new AppError('PROTOCOL_UNSUPPORTED', `the cloud speaks version ${version}`));
    }
    const durable: (LaneOf & { readonly durable: PositionSet })[] = [];
    for (const position of welcome.positions) {
      const lane = laneFromWire(position.lane);
      const held = positionFromWire(position.durable);
      if (!lane || !held) return this.#end(violation('a position of the Welcome is none'));
      const key = { incarnation: position.incarnation, lane };
      const accepted = this.#accepted.get(nameOf(key)) ?? 0n;
      if (key.incarnation === this.#incarnation && highest(held) > accepted) {
        return this.#fence('INCARNATION_FENCED', AHEAD_HINT);
      }
      durable.push({ ...key, durable: clip(held, accepted) });
      this.#lane(key)?.acknowledge(clip(held, accepted));
    }
    this.#phase = 'preparing';
    this.#turn = welcome.turn;
    this.#credits = createCredits(Number(welcome.creditBytes));
    return [{ kind: 'prepare', turn: welcome.turn, durable }];
  }

  #stream(lines: ReadonlyMap<Lane, bigint>): readonly Effect[] {
    for (const [lane, line] of lines) {
      this.#lane({ incarnation: this.#incarnation, lane })?.drawLine(line);
    }
    this.#phase = 'streaming';
    return [{ kind: 'show-turn', turn: this.#turn }];
  }

  #acknowledge(ack: Ack): readonly Effect[] {
    const found = this.#find(ack);
    this.#credits.grant(Number(ack.creditBytes));
    if (found === 'invalid') return this.#end(violation('a position of an Ack is none'));
    return found ? this.#hold(found.lane, found.durable) : [];
  }

  #refuse(refused: BlockRefused): readonly Effect[] {
    const found = this.#find(refused);
    this.#credits.grant(Number(refused.creditBytes));
    if (found === 'invalid' || !refused.range) return this.#end(violation('a refusal is none'));
    if (!found) return [];
    const { lane, durable } = found;
    const block = lane.settle(refused.range);
    if (!block) return this.#hold(lane, durable);
    this.#credits.settle(block.kind, block.head.bytes);
    const refusal = refusalFromWire(refused.reason);
    const settled = { kind: 'settled', lane, blocks: [block], outcome: refusal } as const;
    const answered = this.#answer(lane, block, { refusal, durable });
    const held = this.#hold(lane, durable);
    // A conflict is parked before the positions free its range: its content was not delivered. Of a
    // block that is held in part the held part was: it is freed first, and the rest is parked.
    return refusal === 'conflict'
      ? [settled, ...answered, ...held]
      : [settled, ...held, ...answered];
  }

  #answer(
    lane: LaneSender,
    block: InFlight,
    { refusal, durable }: { refusal: Refusal; durable: PositionSet },
  ): readonly Effect[] {
    const { range } = block.head;
    const answer = answerRefusal(refusal, {
      lane: lane.lane,
      kind: block.kind,
      covered: coverage(durable, range),
      resends: lane.resends(range),
    });
    switch (answer) {
      case 'done':
        return [];
      case 'park':
        return this.#park(lane, range, { refusal, durable });
      case 'end':
        return this.#end(new AppError('PROTOCOL_UNSUPPORTED', 'a refusal of a newer protocol'));
      case 'send-again':
        lane.sendAgain(block);
        return [];
      case 'settle':
        lane.sendAgain(block);
        lane.holdBack('settling');
        return [];
      case 'backlog-only':
        lane.sendAgain(block);
        lane.holdBack('backlog-only');
        return [];
      case 'stuck':
        lane.holdBack('stuck');
        return [];
      default:
        return unreachable(answer);
    }
  }

  #park(
    lane: LaneSender,
    range: SequenceRange,
    { refusal, durable }: { refusal: Refusal; durable: PositionSet },
  ): readonly Effect[] {
    lane.setAside(range);
    const parked = { kind: 'park', lane, range, reason: refusal } as const;
    const opensGap = coverage(durable, range) !== 'covered';
    return opensGap ? [parked, ...this.#restartForStock(lane)] : [parked];
  }

  #damage(head: BlockHead): readonly Effect[] {
    const lane = this.#lane(head);
    // It never left, so the cloud gives nothing back for it.
    this.#credits.grant(head.bytes);
    const block = lane?.settle(head.range);
    if (!lane || !block) return [];
    this.#credits.settle(block.kind, head.bytes);
    lane.setAside(head.range);
    return this.#restartForStock(lane);
  }

  /** What stands in its place now may begin at the same sequence: the lane looks there again. */
  #withdraw(head: BlockHead): readonly Effect[] {
    this.#credits.grant(head.bytes);
    const lane = this.#lane(head);
    const block = lane?.settle(head.range);
    if (!lane || !block) return [];
    this.#credits.settle(block.kind, head.bytes);
    lane.lookAgain(block);
    return [];
  }

  /**
   * The cloud accepts no gap in `stock`, and learns from the next Hello that this one will never be
   * filled.
   */
  #restartForStock({ lane }: LaneSender): readonly Effect[] {
    if (lane !== 'stock') return [];
    this.#phase = 'ended';
    const error = new AppError('UNAVAILABLE', 'a stock block was set aside: the cloud is told');
    return [{ kind: 'end', error, retryNow: true }];
  }

  /** The cloud holds `durable`: it is freed, and its blocks are no longer in flight. */
  #hold(lane: LaneSender, durable: PositionSet): readonly Effect[] {
    const blocks = lane.acknowledge(durable);
    for (const { kind, head } of blocks) this.#credits.settle(kind, head.bytes);
    return [
      { kind: 'acknowledge', lane, durable },
      { kind: 'settled', lane, blocks, outcome: 'acknowledged' },
    ];
  }

  #fence(code: string, hint: string): readonly Effect[] {
    this.#phase = 'fenced';
    return [{ kind: 'fence', code, hint }];
  }

  #end(error: AppError): readonly Effect[] {
    this.#phase = 'ended';
    return [{ kind: 'end', error, retryNow: false }];
  }

  #nextOf(kind: SendKind): { lane: LaneSender; head: BlockHead } | undefined {
    for (const lane of this.#lanes) {
      const head = lane.next(kind);
      if (head) return { lane, head };
    }
    return undefined;
  }

  /**
   * The lane that an answer of the cloud speaks of, with the positions in it, as far as they are
   * this gateway's.
   */
  #find(
    answer: Pick<Ack, 'incarnation' | 'lane' | 'durable'>,
  ): { lane: LaneSender; durable: PositionSet } | 'invalid' | undefined {
    const held = positionFromWire(answer.durable);
    if (!held) return 'invalid';
    const name = laneFromWire(answer.lane);
    const lane = name && this.#lane({ incarnation: answer.incarnation, lane: name });
    return lane && { lane, durable: held };
  }

  #lane({ incarnation, lane }: LaneOf): LaneSender | undefined {
    return this.#lanes.find((one) => one.incarnation === incarnation && one.lane === lane);
  }
}

const AHEAD_HINT = 'the cloud holds more than this gateway ever accepted: enrol it again';

const LATE: Readonly<Record<Phase, string>> = {
  greeting: 'the cloud did not answer the Hello in time',
  preparing: 'the turn was not stored in time',
  streaming: 'the cloud stopped acknowledging',
  fenced: 'fenced',
  ended: 'ended',
};

function violation(detail: string): AppError {
  return new AppError('PROTOCOL_UNSUPPORTED', `the cloud breaks the protocol: ${detail}`);
}

/** Stock first, then events; within a lane the older incarnation first. */
function byPrecedence(a: LaneOf, b: LaneOf): number {
  const order = LANES.indexOf(a.lane) - LANES.indexOf(b.lane);
  if (order !== 0) return order;
  return a.incarnation < b.incarnation ? -1 : 1;
}

function nameOf({ incarnation, lane }: LaneOf): string {
  return `${incarnation}/${lane}`;
}

/**
 * What the set holds of 1..upTo. An older incarnation's records beyond that were another copy's.
 */
function clip({ contiguous, ranges }: PositionSet, upTo: bigint): PositionSet {
  const kept = ranges.filter(({ first }) => first <= upTo);
  return {
    contiguous: contiguous < upTo ? contiguous : upTo,
    ranges: kept.map(({ first, last }) => ({ first, last: last < upTo ? last : upTo })),
  };
}
