import { expect, it } from 'vitest';
import type { Device } from './api.ts';
import { matchDevices } from './device-search.ts';
import { nextTrends, TREND_VALUES_MAX } from './trends.ts';

function device(id: string, time: string, value: number): Device {
  return {
    id,
    site: 'site-1',
    gatewayId: 'gw_1',
    lastSeen: time,
    metricCount: 2,
    metrics: [
      { metric: 'note', time, text: 'fine' },
      { metric: 'temperature', time, value },
    ],
  };
}

it('finds devices by every word, wherever it stands', () => {
  const devices = [device('cold-01', '1', 1), device('office', '1', 1)];
  const found = (search: string) => matchDevices(devices, search).map(({ id }) => id);
  expect(found('')).toEqual(['cold-01', 'office']);
  expect(found('COLD')).toEqual(['cold-01']);
  expect(found('temp office')).toEqual(['office']);
  expect(found('cold office')).toEqual([]);
});

it('keeps the last values of the first metric that is a number, one per reading', () => {
  let trends = nextTrends(new Map(), [device('a', 't0', 0)]);
  trends = nextTrends(trends, [device('a', 't0', 0)]);
  expect(trends.get('site-1/a')!.values).toEqual([0]);
  for (let count = 1; count <= 50; count += 1) {
    trends = nextTrends(trends, [device('a', `t${count}`, count)]);
  }
  const { values, metric } = trends.get('site-1/a')!;
  expect(metric).toBe('temperature');
  expect(values).toHaveLength(TREND_VALUES_MAX);
  expect(values.at(-1)).toBe(50);
});
