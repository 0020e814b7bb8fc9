import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ReadingItem } from './api.ts';
import { createHistoryReader, type HistoryQuery, type Newest, RELOAD_MS } from './history.ts';

const NOW = Date.parse('2026-05-01T12:00:30Z');
const QUERY: HistoryQuery = {
  deviceId: 'cold/01',
  site: 'site-1',
  metric: 'temperature',
  range: '15m',
  end: 'now',
};

let asked: URL[];
let answers: { items: ReadingItem[]; next_cursor?: string }[];

const api = {
  async get(path: string) {
    asked.push(new URL(path, 'http://holdfast.test'));
    return { next_cursor: null, ...(answers.shift() ?? { items: [] }) };
  },
} as unknown as ApiClient;

beforeEach(() => {
  asked = [];
  answers = [];
});

function item(ms: number, value: number): ReadingItem {
  return { time: new Date(ms).toISOString(), value };
}

function newest(key: string, timeMs = NOW): Newest {
  return { key, timeMs };
}

const { signal } = new AbortController();
const parameter = (name: string): (string | null)[] =>
  asked.map((url) => url.searchParams.get(name));

describe('the history of a metric', () => {
  it('is read as a whole, from a whole minute on, without an end', async () => {
    answers = [{ items: [item(NOW - 1_000, 4)] }];
    const history = await createHistoryReader(api, QUERY).read(newest('1'), NOW, signal);
    expect(history).toMatchObject({ resolution: 'raw', points: [{ value: 4 }] });
    expect(asked[0]!.pathname).toBe('/v1/devices/cold%2F01/readings');
    expect(Object.fromEntries(asked[0]!.searchParams)).toEqual({
      metric: 'temperature',
      site: 'site-1',
      resolution: 'raw',
      limit: '10000',
      from: '2026-05-01T11:45:00.000Z',
    });
  });

  it('then asks only for what came after the last point, if anything came', async () => {
    answers = [{ items: [item(NOW - 2_000, 1), item(NOW - 1_000, 2)] }];
    const reader = createHistoryReader(api, QUERY);
    const first = await reader.read(newest('1'), NOW, signal);
    expect(await reader.read(newest('1'), NOW + 1_000, signal)).toBe(first);
    answers = [{ items: [item(NOW - 1_000, 2), item(NOW, 3)] }];
    const second = await reader.read(newest('2'), NOW + 2_000, signal);
    expect(second.points.map(({ value }) => value)).toEqual([1, 2, 3]);
    expect(asked).toHaveLength(2);
    expect(asked[1]!.searchParams.get('from')).toBe(new Date(NOW - 1_000).toISOString());
  });

  it('is read again after a while: a closing backlog fills in what lies before', async () => {
    const reader = createHistoryReader(api, QUERY);
    await reader.read(newest('1'), NOW, signal);
    answers = [{ items: [item(NOW - 600_000, 1)] }];
    const again = await reader.read(newest('1'), NOW + RELOAD_MS, signal);
    expect(again.points).toHaveLength(1);
  });

  it('ends at the newest reading when that was asked for', async () => {
    const query = { ...QUERY, end: 'newest' } as const;
    const at = Date.parse('2015-02-10T09:33:00Z');
    await createHistoryReader(api, query).read(newest('1', at), NOW, signal);
    expect(parameter('from')).toEqual(['2015-02-10T09:18:00.000Z']);
    expect(parameter('to')).toEqual(['2015-02-10T09:33:00.001Z']);
  });

  it('gets coarser when one answer does not hold the range', async () => {
    answers = [{ items: [item(NOW, 1)], next_cursor: 'more' }, { items: [] }];
    const history = await createHistoryReader(api, QUERY).read(newest('1'), NOW, signal);
    expect(history.resolution).toBe('1m');
    expect(parameter('resolution')).toEqual(['raw', '1m']);
  });

  it('shows all in the resolution that suits what there is', async () => {
    const query = { ...QUERY, range: 'all' } as const;
    answers = [{ items: [item(NOW - 1_800_000, 1)] }, { items: [item(NOW - 1_000, 1)] }];
    const short = await createHistoryReader(api, query).read(newest('1'), NOW, signal);
    expect(short.resolution).toBe('raw');
    expect(parameter('resolution')).toEqual(['1h', 'raw']);
    answers = [{ items: [item(0, 1)], next_cursor: 'second' }, { items: [item(NOW, 2)] }];
    const long = await createHistoryReader(api, query).read(newest('1'), NOW, signal);
    expect(long).toMatchObject({ resolution: '1h', points: [{ value: 1 }, { value: 2 }] });
    expect(parameter('cursor').at(-1)).toBe('second');
  });
});
