import { describe, expect, it } from 'vitest';
import { type Scan, WAREHOUSE_ITEMS, warehouse } from './warehouse.ts';

function first(count: number, seed = 7): Scan[] {
  const scans = warehouse({ seed });
  return Array.from({ length: count }, () => scans.next().value as Scan);
}

describe('the scanner at the dock', () => {
  it('is the same for the same seed, in order of time, and counts its scans', () => {
    expect(first(500)).toEqual(first(500));
    expect(first(500)).not.toEqual(first(500, 8));
    const scans = first(500);
    expect(scans.every(({ atMs }, n) => atMs >= (scans[n - 1]?.atMs ?? 0))).toBe(true);
    expect(scans.map(({ seq }) => seq)).toEqual(scans.map((_, n) => n + 1));
  });

  it('receives every item first, and never picks what is not there', () => {
    const held = new Map<string, number>();
    for (const { movement } of first(5_000)) {
      const { kind, item, quantity } = movement;
      held.set(item, (held.get(item) ?? 0) + (kind === 'receive' ? quantity : -quantity));
      expect(held.get(item)).toBeGreaterThanOrEqual(0);
    }
    expect([...held.keys()].sort()).toEqual([...WAREHOUSE_ITEMS].sort());
  });
});
