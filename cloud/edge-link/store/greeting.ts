import { EMPTY_POSITION, type PositionSet, union } from '@holdfast/shared/domain/ranges.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import {
  type FenceReason,
  type IncarnationState,
  judgeHello,
  type LaneClaim,
  showTurn,
} from '../domain/fencing.ts';
import type { ClaimedLane } from '../domain/lane-claims.ts';
import type { GreetedLane, LaneOfIncarnation } from '../domain/lane-holdings.ts';
import {
  type Occasion,
  type Standing,
  type StreamIdentity,
  standingOf,
  storeConnected,
  storeFenced,
  welcomesOf,
} from './gateways.ts';
import { addGone, goneLanes, incarnationsOf, storeFence, storeTurns } from './incarnations.ts';
import { type HeldLane, heldLanes } from './lane-positions.ts';
import { revokedAmong } from './revocations.ts';
import type { EdgeLinkTables } from './tables.ts';

type Tx = Transaction<EdgeLinkTables>;

export interface HelloFacts extends Occasion {
  readonly stream: StreamIdentity;
  /** How many Welcomes the gateway had when this stream was opened. */
  readonly welcomesAtOpen: bigint;
  /** Hexadecimal. */
  readonly lastTurn: string;
  readonly freshTurn: string;
  readonly softwareVersion: string;
  readonly lanes: readonly ClaimedLane[];
}

export type Greeting =
  | { readonly kind: 'welcome'; readonly lanes: readonly GreetedLane[] }
  | { readonly kind: 'fenced'; readonly reason: FenceReason }
  /**
   * A newer stream was welcomed since this one was opened: its Hello was late on its way. Judging
   * it would take the gateway's own past for another copy.
   */
  | { readonly kind: 'stale' };

/**
 * Judges a Hello and stores the outcome: the turns and the gateway's state, or the fence. The
 * caller has waited until the positions caught up with the log, so that what they lack is really
 * absent.
 */
export async function greet(tx: Tx, hello: HelloFacts): Promise<Greeting> {
  const { gatewayId } = hello.stream.peer;
  const { incarnation } = hello.stream;
  if ((await welcomesOf(tx, gatewayId)) !== hello.welcomesAtOpen) return { kind: 'stale' };
  const all = await incarnationsOf(tx, gatewayId);
  const held = await heldLanes(tx, gatewayId);
  const known = comparable(all, hello);
  const claim = { lastTurn: hello.lastTurn, lanes: claimsOf(hello, held) };
  const verdict = judgeHello(claim, known, hello.freshTurn);
  if (verdict.kind === 'welcome') {
    await storeTurns(tx, gatewayId, { incarnation, turns: verdict.turns });
    await storeConnected(tx, hello.stream, hello);
    return { kind: 'welcome', lanes: await holdingsOf(tx, { hello, held, all }) };
  }
  // A fence is told once. A superseded copy is turned away without a word about the gateway that
  // took its place.
  if (known && !known.fenced && !known.superseded) {
    await storeFence(tx, { gatewayId, incarnation }, verdict.reason);
    await storeFenced(tx, hello.stream, { ...hello, reason: verdict.reason });
  }
  return verdict;
}

/**
 * Stores that the stream's turn is on the gateway's disk. Durable before the first block of the
 * stream is appended.
 */
export async function storeShown(tx: Tx, stream: StreamIdentity, turn: string): Promise<Standing> {
  const standing = await standingOf(tx, stream);
  if (standing !== 'current') return standing;
  const { gatewayId } = stream.peer;
  const known = (await incarnationsOf(tx, gatewayId)).get(stream.incarnation);
  const turns = known && showTurn(known.turns, turn);
  if (!turns) return 'replaced';
  await storeTurns(tx, gatewayId, { incarnation: stream.incarnation, turns });
  return 'current';
}

/**
 * Reports count all incarnations of a gateway, so they are compared only while it has a single one.
 */
function comparable(
  all: ReadonlyMap<string, IncarnationState>,
  { stream, lanes }: HelloFacts,
): IncarnationState | undefined {
  const known = all.get(stream.incarnation);
  const single = all.size === 1 && lanes.every((lane) => lane.incarnation === stream.incarnation);
  return known && (single ? known : { ...known, reportedDelivered: new Map() });
}

/** The lanes that the Hello names of its own incarnation, and those that it should have named. */
function claimsOf({ stream, lanes }: HelloFacts, held: readonly HeldLane[]): LaneClaim[] {
  const own = lanes.filter((lane) => lane.incarnation === stream.incarnation);
  const claims = own.map((lane) => ({ ...lane, durable: durableOf(held, lane) }));
  const silent = held.filter(
    (known) =>
      known.incarnation === stream.incarnation && !own.some((lane) => lane.lane === known.lane),
  );
  const nothing = { accepted: 0n, acknowledged: EMPTY_POSITION };
  return [...claims, ...silent.map((known) => ({ ...known, ...nothing }))];
}

interface Greeted {
  readonly hello: HelloFacts;
  readonly held: readonly HeldLane[];
  readonly all: ReadonlyMap<string, IncarnationState>;
}

async function holdingsOf(tx: Tx, { hello, held, all }: Greeted): Promise<GreetedLane[]> {
  const { stream, lanes } = hello;
  const { gatewayId } = stream.peer;
  for (const lane of lanes) {
    const given = union(lane.settled, lane.acknowledged);
    if (given.contiguous === 0n && given.ranges.length === 0) continue;
    await addGone(tx, { gatewayId, incarnation: lane.incarnation, lane: lane.lane }, given);
  }
  const gone = await goneLanes(tx, gatewayId);
  const keys = new Map([...held, ...gone].map((key) => [`${key.incarnation}/${key.lane}`, key]));
  return [...keys.values()].map(({ incarnation, lane }) => ({
    incarnation,
    lane,
    durable: durableOf(held, { incarnation, lane }),
    gone: gone.find((other) => sameLane(other, { incarnation, lane }))?.gone ?? EMPTY_POSITION,
    told: !all.get(incarnation)?.fenced,
  }));
}

function durableOf(held: readonly HeldLane[], key: LaneOfIncarnation): PositionSet {
  return held.find((known) => sameLane(known, key))?.durable ?? EMPTY_POSITION;
}

function sameLane(a: LaneOfIncarnation, b: LaneOfIncarnation): boolean {
  return a.incarnation === b.incarnation && a.lane === b.lane;
}

export type TurnedAway = Exclude<Greeting, { kind: 'welcome' }> | { readonly kind: 'revoked' };

/**
 * What turns a Hello away whatever it says; undefined when it has to be judged. Disturbs nobody.
 */
export async function turnedAway(
  db: Reader<EdgeLinkTables>,
  { gatewayId, incarnation, welcomesAtOpen }: TurnedAwayFacts,
): Promise<TurnedAway | undefined> {
  if ((await revokedAmong(db, [gatewayId])).length > 0) return { kind: 'revoked' };
  if ((await welcomesOf(db, gatewayId)) !== welcomesAtOpen) return { kind: 'stale' };
  const known = (await incarnationsOf(db, gatewayId)).get(incarnation);
  if (known?.fenced) return { kind: 'fenced', reason: known.fenced };
  return known?.superseded ? { kind: 'fenced', reason: 'turn' } : undefined;
}

export interface TurnedAwayFacts {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly welcomesAtOpen: bigint;
}
