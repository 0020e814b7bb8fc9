import { expect, test } from 'vitest';
import { rowOf } from '../figures.ts';
import { cautionsOf, measuredOf } from './report.ts';

const SETTINGS = { inFlight: 8, manyInFlight: 64 };
const part = { confirmed: 500, placed: 500, ordersInAll: 600, failed: 0, unseen: 0, seconds: 10 };
const times = { p50Ms: 10, p99Ms: 20, cpuSeconds: 1, shopCpuSeconds: 6, sandboxCpuSeconds: 1 };
const figures = { ...part, ...times };
const ours = {
  few: figures,
  many: figures,
  steady: figures,
  ratePerSecond: 40,
  peakBytes: 1,
  cpuMsByStep: new Map(),
};
const theirs = { ...figures, confirmed: 100, ordersInAll: 120 };

test('what both shops do is beside each other, CPU by all orders that it was spent on', () => {
  const vendure = { few: theirs, many: theirs, peakBytes: 2 };
  const rows = measuredOf({ database: 'sqlite', ours, vendure }, SETTINGS).map(rowOf);
  const row = (measure: string) => rows.find((each) => each.measure === `sqlite: ${measure}`);
  expect(row('confirmed, 8 in flight')?.ratios).toEqual({ vendure: 5 });
  expect(row('CPU of the shop, 8 in flight')).toMatchObject({ ours: 10, peers: { vendure: 50 } });
  expect(row('confirmed, at 40/s')?.peers).toEqual({});
});

test('without the peer our rows stand alone', () => {
  const rows = measuredOf({ database: 'sqlite', ours, vendure: undefined }, SETTINGS);
  expect(rows.every(({ peers }) => Object.keys(peers).length === 0)).toBe(true);
});

test('failed orders of either shop are a caution, with the first message', () => {
  const few = { ...theirs, failed: 3, firstFailure: 'addItemToOrder: went wrong' };
  const many = { ...theirs, confirmed: 0 };
  const refused = { ...ours, steady: { ...figures, unseen: 2 } };
  const turns = { database: 'sqlite', ours: refused, vendure: { few, many, peakBytes: 1 } };
  const cautions = cautionsOf(turns);
  expect(cautions).toHaveLength(3);
  expect(cautions[0]).toContain('steady: 0 orders were refused, 2 never seen');
  expect(cautions[1]).toContain('addItemToOrder: went wrong');
  expect(cautions[2]).toContain('no order paid');
});
