import { describe, expect, it } from 'vitest';
import { naturalEnd, parseRange, RANGES, rangeMs, resolutionOf, windowOf } from './chart-range.ts';

const NOW = Date.parse('2026-05-01T12:00:00Z');
const HOUR = 3_600_000;

describe('the range of a chart', () => {
  it('chooses the resolution that a screen can show', () => {
    const chosen = RANGES.filter((range) => range.id !== 'all').map(({ ms }) => resolutionOf(ms));
    expect(chosen).toEqual(['raw', 'raw', '1m', '1h']);
    expect(resolutionOf(rangeMs('all'))).toBe('1h');
  });

  it('ends at the present, or at the newest reading of a recording', () => {
    const newestMs = Date.parse('2015-02-10T09:33:00Z');
    const o = { range: '1h', nowMs: NOW, newestMs, oldestMs: 0 } as const;
    expect(windowOf({ ...o, end: 'now' })).toEqual({ fromMs: NOW - HOUR, toMs: NOW });
    expect(windowOf({ ...o, end: 'newest' })).toEqual({ fromMs: newestMs - HOUR, toMs: newestMs });
  });

  it('shows all from the oldest reading on, and never an empty span', () => {
    const o = { range: 'all', end: 'newest', nowMs: NOW, newestMs: NOW, oldestMs: NOW } as const;
    expect(windowOf(o)).toEqual({ fromMs: NOW, toMs: NOW + 60_000 });
    expect(windowOf({ ...o, oldestMs: 5 })).toEqual({ fromMs: 5, toMs: NOW });
  });

  it('takes the newest data of a device that sends nothing now', () => {
    expect(naturalEnd(NOW - 60_000, NOW)).toBe('now');
    expect(naturalEnd(NOW - HOUR, NOW)).toBe('newest');
    expect(naturalEnd(NOW + HOUR, NOW)).toBe('newest');
  });

  it('takes only what it knows from an address', () => {
    expect(parseRange('24h')).toBe('24h');
    expect(parseRange('2 weeks')).toBeUndefined();
    expect(parseRange(null)).toBeUndefined();
  });
});
