import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetOf, headroomOf, limitOf, pressureOf } from './budget.ts';

const MIB = 1024 * 1024;
const facts = { bytesMax: 1024 * MIB, volumeShareMax: 0.5, fileBytes: 100 * MIB };

describe('the budget', () => {
  it('is the bytes, or the share of the volume, whichever is less', () => {
    expect(budgetOf({ ...facts, volume: undefined })).toBe(1024 * MIB);
    const large = { freeBytes: 90_000 * MIB, totalBytes: 100_000 * MIB };
    expect(budgetOf({ ...facts, volume: large })).toBe(1024 * MIB);
    const small = { freeBytes: 900 * MIB, totalBytes: 1000 * MIB };
    expect(budgetOf({ ...facts, volume: small })).toBe(500 * MIB);
  });

  it('leaves the volume its headroom, whoever fills it', () => {
    const volume = { freeBytes: 40 * MIB, totalBytes: 1000 * MIB };
    expect(budgetOf({ ...facts, volume })).toBe(100 * MIB + 40 * MIB - headroomOf(volume));
    const full = { ...volume, freeBytes: 0 };
    expect(budgetOf({ ...facts, volume: full })).toBe(100 * MIB);
  });

  it('is never negative and never more than any of its bounds', () => {
    const bytes = fc.integer({ min: 0, max: 2 ** 50 });
    fc.assert(
      fc.property(bytes, bytes, bytes, bytes, (bytesMax, fileBytes, freeBytes, used) => {
        const volume = { freeBytes, totalBytes: freeBytes + used };
        const budget = budgetOf({ bytesMax, volumeShareMax: 0.5, fileBytes, volume });
        expect(budget).toBeGreaterThanOrEqual(0);
        expect(budget).toBeLessThanOrEqual(Math.min(bytesMax, fileBytes + freeBytes));
        expect(limitOf('telemetry', budget)).toBeLessThanOrEqual(limitOf('event', budget));
      }),
    );
  });
});

describe('the pressure', () => {
  it('condenses before it drops, and stops condensing later than it begins', () => {
    const at = (used: number, wanted = 0) => pressureOf(used, { budget: 1000, wanted });
    expect(at(700)).toEqual({ isHigh: false, isRaised: false, isSevere: false });
    expect(at(800)).toEqual({ isHigh: false, isRaised: true, isSevere: false });
    expect(at(880)).toEqual({ isHigh: true, isRaised: true, isSevere: false });
    expect(at(950)).toEqual({ isHigh: true, isRaised: true, isSevere: true });
  });

  it('counts what waits for room, unless that is too much to give up for', () => {
    expect(pressureOf(700, { budget: 1000, wanted: 250 }).isSevere).toBe(true);
    expect(pressureOf(700, { budget: 1000, wanted: 500 }).isSevere).toBe(false);
  });
});
