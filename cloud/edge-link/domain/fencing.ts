import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { highest, type PositionSet, sizeOf } from '@holdfast/shared/domain/ranges.ts';

/**
 * Fencing by turn (I6). A Welcome carries a fresh turn, which the gateway syncs and shows. Of two
 * copies of one disk, one shows a turn that the other does not have, and the other then speaks with
 * a turn that is out of date.
 *
 * A Welcome may be lost, so turns that nobody has shown yet are accepted beside the one that was
 * shown last. The first of them that is shown ends all the others: the second copy is found out
 * however the two interleave.
 */
export interface Turns {
  /** Hexadecimal; '' before the first Welcome was shown. */
  readonly shown: string;
  /** Given out since, newest last, at most ISSUED_TURNS_MAX. */
  readonly issued: readonly string[];
}

/**
 * A gateway that shows no turn for this many Welcomes lost them all; the oldest of them is
 * forgotten.
 */
export const ISSUED_TURNS_MAX = 8;

export type FenceReason = 'turn' | 'position';

export interface IncarnationState {
  readonly turns: Turns;
  readonly fenced: FenceReason | undefined;
  /** A person enrolled this gateway again, and the newer incarnation has spoken. */
  readonly superseded: boolean;
  /**
   * The most that it ever reported as delivered, by lane. Empty when reports also count other
   * incarnations' records.
   */
  readonly reportedDelivered: ReadonlyMap<Lane, bigint>;
}

/** One lane of the Hello's own incarnation, beside what the cloud durably holds of it. */
export interface LaneClaim {
  readonly lane: Lane;
  readonly accepted: bigint;
  readonly acknowledged: PositionSet;
  readonly durable: PositionSet;
}

export interface HelloClaim {
  /** Hexadecimal. */
  readonly lastTurn: string;
  /** Older incarnations are not judged: a person has chosen since. */
  readonly lanes: readonly LaneClaim[];
}

export type HelloVerdict =
  | { readonly kind: 'welcome'; readonly turns: Turns }
  | { readonly kind: 'fenced'; readonly reason: FenceReason };

/**
 * Judges a Hello. `known` is undefined for an incarnation that never spoke; `freshTurn` is what the
 * Welcome will carry.
 */
export function judgeHello(
  hello: HelloClaim,
  known: IncarnationState | undefined,
  freshTurn: string,
): HelloVerdict {
  if (known?.fenced) return { kind: 'fenced', reason: known.fenced };
  if (known?.superseded) return { kind: 'fenced', reason: 'turn' };
  const shown = known ? showTurn(known.turns, hello.lastTurn) : { shown: '', issued: [] };
  if (!shown) return { kind: 'fenced', reason: 'turn' };
  if (hello.lanes.some((lane) => isBehind(lane, known))) {
    return { kind: 'fenced', reason: 'position' };
  }
  const issued = [...shown.issued, freshTurn].slice(-ISSUED_TURNS_MAX);
  return { kind: 'welcome', turns: { shown: shown.shown, issued } };
}

/** The turns after `turn` was shown; undefined when it is out of date or was never given out. */
export function showTurn(turns: Turns, turn: string): Turns | undefined {
  if (turn === turns.shown) return turns;
  return turns.issued.includes(turn) ? { shown: turn, issued: [] } : undefined;
}

/**
 * A restored backup has accepted less than the cloud holds, or remembers fewer acknowledgements
 * than it once reported.
 */
function isBehind(claim: LaneClaim, known: IncarnationState | undefined): boolean {
  if (claim.accepted < highest(claim.durable)) return true;
  return sizeOf(claim.acknowledged) < (known?.reportedDelivered.get(claim.lane) ?? 0n);
}
