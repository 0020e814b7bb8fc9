import type {
  Ack,
  BlockRefused,
  Fenced,
  Welcome,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { PositionSet, SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { BlockHead } from '../buffer/buffer.ts';
import type { SendKind } from './credits.ts';
import type { InFlight } from './lane-sender.ts';
import type { Refusal } from './refusal.ts';

/**
 * One stream's life at the gateway. `greeting`: the Hello is out. `preparing`: the turn is being
 * synced, what the cloud holds is being freed, the line is being drawn. `streaming`: blocks go out.
 */
export const PHASES = ['greeting', 'preparing', 'streaming', 'fenced', 'ended'] as const;
export type Phase = (typeof PHASES)[number];

export type SessionEvent =
  | { readonly kind: 'welcome'; readonly welcome: Welcome }
  /** Disk work of `prepare` is done; `lines` are the lines drawn. */
  | { readonly kind: 'prepared'; readonly lines: ReadonlyMap<Lane, bigint> }
  | { readonly kind: 'ack'; readonly ack: Ack }
  | { readonly kind: 'refused'; readonly refused: BlockRefused }
  | { readonly kind: 'fenced'; readonly fenced: Fenced }
  /** The buffer could not read a block and has settled it as damaged. */
  | { readonly kind: 'damaged'; readonly head: BlockHead }
  /** The block was condensed or freed between its choice and its reading: it never left. */
  | { readonly kind: 'gone'; readonly head: BlockHead }
  /** Nothing came in the time that the phase allows. */
  | { readonly kind: 'late' }
  | { readonly kind: 'closed'; readonly error: AppError };

export interface LaneOf {
  readonly incarnation: string;
  readonly lane: Lane;
}

export type Effect =
  | {
      readonly kind: 'prepare';
      readonly turn: Buffer;
      readonly durable: readonly (LaneOf & { readonly durable: PositionSet })[];
    }
  | { readonly kind: 'show-turn'; readonly turn: Buffer }
  | { readonly kind: 'acknowledge'; readonly lane: LaneOf; readonly durable: PositionSet }
  /** These blocks are no longer in flight. */
  | {
      readonly kind: 'settled';
      readonly lane: LaneOf;
      readonly blocks: readonly InFlight[];
      readonly outcome: 'acknowledged' | Refusal;
    }
  | {
      readonly kind: 'park';
      readonly lane: LaneOf;
      readonly range: SequenceRange;
      readonly reason: Refusal;
    }
  /** `retryNow`: nothing is wrong at the other end, it only has to hear what is settled. */
  | { readonly kind: 'end'; readonly error: AppError; readonly retryNow: boolean }
  | { readonly kind: 'fence'; readonly code: string; readonly hint: string };

export interface Outgoing {
  readonly head: BlockHead;
  readonly kind: SendKind;
}

export type Reaction =
  | 'prepare'
  | 'stream'
  | 'acknowledge'
  | 'refuse'
  | 'fence'
  | 'damage'
  | 'withdraw'
  | 'expire'
  | 'close'
  /** The peer breaks the protocol. */
  | 'violation'
  | 'ignore';

const OVER = {
  welcome: 'ignore',
  prepared: 'ignore',
  ack: 'ignore',
  refused: 'ignore',
  fenced: 'ignore',
  damaged: 'ignore',
  gone: 'ignore',
  late: 'ignore',
  closed: 'ignore',
} as const;

const TABLE: Readonly<Record<Phase, Readonly<Record<SessionEvent['kind'], Reaction>>>> = {
  greeting: {
    welcome: 'prepare',
    prepared: 'ignore',
    ack: 'violation',
    refused: 'violation',
    fenced: 'fence',
    damaged: 'ignore',
    gone: 'ignore',
    late: 'expire',
    closed: 'close',
  },
  preparing: {
    welcome: 'violation',
    prepared: 'stream',
    ack: 'violation',
    refused: 'violation',
    fenced: 'fence',
    damaged: 'ignore',
    gone: 'ignore',
    late: 'expire',
    closed: 'close',
  },
  streaming: {
    welcome: 'violation',
    prepared: 'ignore',
    ack: 'acknowledge',
    refused: 'refuse',
    fenced: 'fence',
    damaged: 'damage',
    gone: 'withdraw',
    late: 'expire',
    closed: 'close',
  },
  fenced: OVER,
  ended: OVER,
};

export function reactionTo(phase: Phase, event: SessionEvent['kind']): Reaction {
  return TABLE[phase][event];
}
