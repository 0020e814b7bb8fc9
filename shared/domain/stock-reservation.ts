import type { StockLevel } from './stock-level.ts';

export const RESERVATION_STATES = ['held', 'confirmed', 'picked', 'released', 'expired'] as const;
export type ReservationState = (typeof RESERVATION_STATES)[number];
export type ReservationEvent = 'confirm' | 'pick' | 'release' | 'expire';

/** `same`: it happened before, or has no effect any more; nothing changes and nobody is told no. */
export type ReservationStep =
  | { readonly kind: 'to'; readonly state: ReservationState }
  | { readonly kind: 'same' }
  | { readonly kind: 'refused' };

const to = (state: ReservationState): ReservationStep => ({ kind: 'to', state });
const SAME: ReservationStep = { kind: 'same' };
const REFUSED: ReservationStep = { kind: 'refused' };

const STEPS: Readonly<
  Record<ReservationState, Readonly<Record<ReservationEvent, ReservationStep>>>
> = {
  held: {
    confirm: to('confirmed'),
    pick: REFUSED,
    release: to('released'),
    expire: to('expired'),
  },
  // What is sold does not expire: it is paid.
  confirmed: { confirm: SAME, pick: to('picked'), release: to('released'), expire: REFUSED },
  picked: { confirm: SAME, pick: SAME, release: REFUSED, expire: REFUSED },
  released: { confirm: REFUSED, pick: REFUSED, release: SAME, expire: SAME },
  expired: { confirm: REFUSED, pick: REFUSED, release: SAME, expire: SAME },
};

export function reservationStep(state: ReservationState, event: ReservationEvent): ReservationStep {
  return STEPS[state][event];
}

/** Which part of a level a reservation's quantity stands in. */
const CLAIMS: Readonly<Record<ReservationState, 'reserved' | 'sold' | 'none'>> = {
  held: 'reserved',
  confirmed: 'sold',
  picked: 'none',
  released: 'none',
  expired: 'none',
};

/** The level after a line of `quantity` went from one state to another; undefined: it is new. */
export function moveClaim<L extends StockLevel>(
  level: L,
  change: {
    readonly quantity: bigint;
    readonly from: ReservationState | undefined;
    readonly to: ReservationState;
  },
): L {
  const before = change.from === undefined ? 'none' : CLAIMS[change.from];
  const after = CLAIMS[change.to];
  const claimed = (part: 'reserved' | 'sold'): bigint =>
    level[part] +
    (after === part ? change.quantity : 0n) -
    (before === part ? change.quantity : 0n);
  return { ...level, reserved: claimed('reserved'), sold: claimed('sold') };
}

/** Time is up; only what is held expires. */
export function isOverdue(
  { state, expiresAt }: { readonly state: ReservationState; readonly expiresAt: bigint },
  now: bigint,
): boolean {
  return state === 'held' && expiresAt <= now;
}
