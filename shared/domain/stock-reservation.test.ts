import { describe, expect, it } from 'vitest';
import { EMPTY_LEVEL, freeOf, overPromisedBy } from './stock-level.ts';
import {
  isOverdue,
  moveClaim,
  RESERVATION_STATES,
  type ReservationEvent,
  reservationStep,
} from './stock-reservation.ts';

const EVENTS: readonly ReservationEvent[] = ['confirm', 'pick', 'release', 'expire'];

describe('a reservation', () => {
  it('once it ended, stays as it ended', () => {
    for (const state of ['picked', 'released', 'expired'] as const) {
      for (const event of EVENTS) expect(reservationStep(state, event).kind).not.toBe('to');
    }
  });

  it('is not confirmed after it expired or was given back, and not expired once sold', () => {
    expect(reservationStep('expired', 'confirm').kind).toBe('refused');
    expect(reservationStep('released', 'confirm').kind).toBe('refused');
    expect(reservationStep('confirmed', 'expire').kind).toBe('refused');
    expect(isOverdue({ state: 'held', expiresAt: 5n }, 5n)).toBe(true);
    expect(isOverdue({ state: 'confirmed', expiresAt: 5n }, 9n)).toBe(false);
  });

  it('the same event twice changes nothing the second time', () => {
    for (const state of RESERVATION_STATES) {
      for (const event of EVENTS) {
        const step = reservationStep(state, event);
        if (step.kind === 'to') expect(reservationStep(step.state, event).kind).toBe('same');
      }
    }
  });

  it('claims what it holds or has sold, and nothing once it ended', () => {
    const level = { ...EMPTY_LEVEL, onHand: 10n };
    const held = moveClaim(level, { quantity: 4n, from: undefined, to: 'held' });
    expect(held).toEqual({ ...level, reserved: 4n });
    const sold = moveClaim(held, { quantity: 4n, from: 'held', to: 'confirmed' });
    expect(sold).toEqual({ ...level, sold: 4n });
    expect(moveClaim(sold, { quantity: 4n, from: 'confirmed', to: 'released' })).toEqual(level);
  });
});

describe('what may be promised', () => {
  it('is on hand less what is promised, never below zero, and nothing while it is frozen', () => {
    const level = { onHand: 10n, reserved: 3n, sold: 2n, frozen: 0n };
    expect(freeOf(level)).toBe(5n);
    expect(freeOf({ ...level, onHand: 4n })).toBe(0n);
    expect(overPromisedBy({ ...level, onHand: 4n })).toBe(1n);
    expect(overPromisedBy(level)).toBe(0n);
    expect(freeOf({ ...level, frozen: 1n })).toBe(0n);
  });
});
