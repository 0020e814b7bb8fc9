import { EMPTY_POSITION } from '@holdfast/shared/domain/ranges.ts';
import { expect, it } from 'vitest';
import { liveLine } from './live-line.ts';

const nothing = { acknowledged: EMPTY_POSITION, settled: EMPTY_POSITION };
const isLive = liveLine([
  { incarnation: 'i1', lane: 'telemetry', accepted: 100n, ...nothing },
  { incarnation: 'i1', lane: 'stock', accepted: 100n, ...nothing },
]);

it('calls live what was accepted after the Hello', () => {
  const key = { incarnation: 'i1', lane: 'telemetry' } as const;
  expect(isLive(key, { first: 100n, last: 120n })).toBe(false);
  expect(isLive(key, { first: 101n, last: 120n })).toBe(true);
});

it('calls live what comes in a lane that had nothing', () => {
  expect(isLive({ incarnation: 'i1', lane: 'event' }, { first: 1n, last: 1n })).toBe(true);
});

it('lets nothing of stock go before the rest', () => {
  expect(isLive({ incarnation: 'i1', lane: 'stock' }, { first: 101n, last: 101n })).toBe(false);
});
