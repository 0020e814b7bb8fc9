import { EMPTY_POSITION } from '@holdfast/shared/domain/ranges.ts';
import { expect, it } from 'vitest';
import { createHoldings } from './lane-holdings.ts';

const key = { incarnation: 'i1', lane: 'telemetry' } as const;
const durable = { contiguous: 10n, ranges: [] };
const next = { range: { first: 11n, last: 12n }, checksum: 'aa' };

it('tells what the Welcome told and what the stream appended', () => {
  const holdings = createHoldings([{ ...key, durable, gone: EMPTY_POSITION, told: true }]);
  holdings.append(key, next);
  expect(holdings.told(key)).toEqual({ contiguous: 12n, ranges: [] });
  expect(holdings.of(key).durable).toEqual({ contiguous: 12n, ranges: [] });
  expect(holdings.remembered(key, { first: 12n, last: 12n })).toEqual([next]);
});

it('keeps silent about what another copy may have sent, until it is confirmed', () => {
  const holdings = createHoldings([{ ...key, durable, gone: EMPTY_POSITION, told: false }]);
  expect(holdings.of(key).durable).toEqual(durable);
  expect(holdings.told(key)).toEqual(EMPTY_POSITION);
  holdings.append(key, next);
  holdings.confirm(key, { first: 1n, last: 4n });
  expect(holdings.told(key)).toEqual({ contiguous: 4n, ranges: [next.range] });
});

it('knows nothing of a lane that never spoke', () => {
  expect(createHoldings([]).of(key).durable).toEqual(EMPTY_POSITION);
});
