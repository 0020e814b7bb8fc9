import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, nextOf, type Reply, readings, TestApi } from './api.fixture.ts';

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.open();
});
afterEach(() => api.close());

describe('GET /v1/devices/{id}/readings', () => {
  const path = '/v1/devices/cold-01/readings';

  it('gives readings with both times, sequence and origin', async () => {
    await api.store(readings([{ value: 4, ts: at(-60) }]));
    const { body } = await api.get(path);
    expect(body).toEqual({
      id: 'cold-01',
      site: 'site-1',
      metric: 'temperature',
      resolution: 'raw',
      items: [
        {
          time: at(-60),
          receivedAt: at(0),
          value: 4,
          sequence: 1,
          gatewayId: 'gw_1',
          incarnation: '01a',
          lane: 'telemetry',
        },
      ],
      next_cursor: null,
    });
  });

  it('pages in either order, within a range', async () => {
    const sent = Array.from({ length: 50 }, (_, index) => ({
      value: index + 1,
      ts: at(-((index * 7) % 50)),
    }));
    await api.store(readings(sent, { atMicros: 0 }));
    for (const order of ['time', 'sequence']) {
      const found: { value: number; time: string; sequence: number }[] = [];
      let next: string | undefined = `${path}?order=${order}&limit=7&from=${at(-40)}&to=${at(-5)}`;
      while (next) {
        const page: Reply = await api.get(next);
        const { body } = page;
        found.push(...body.items);
        next = nextOf(page);
      }
      const inRange = sent.filter(({ ts }) => ts >= at(-40) && ts < at(-5));
      expect(new Set(found.map(({ value }) => value))).toEqual(
        new Set(inRange.map(({ value }) => value)),
      );
      const key = order === 'time' ? 'time' : 'sequence';
      const keys = found.map((reading) => String(reading[key]).padStart(24, '0'));
      expect(keys).toEqual(keys.toSorted());
      expect(found.length).toBe(inRange.length);
    }
  });

  it('sums up minutes and hours, paged', async () => {
    const every20s = Array.from({ length: 200 }, (_, index) => index);
    await api.store(
      every20s.map((payload, index) => ({
        channel: 'temperature',
        payload,
        atMicros: index * 20_000_000,
      })),
    );
    const minutes = (await api.get(`${path}?resolution=1m&limit=2`)).body;
    expect(minutes.items).toEqual([
      { time: at(0), count: 3, sum: 3, mean: 1, min: 0, max: 2, first: 0, last: 2 },
      { time: at(60), count: 3, sum: 12, mean: 4, min: 3, max: 5, first: 3, last: 5 },
    ]);
    const more = (await api.get(`${path}?resolution=1m&limit=2&cursor=${minutes.next_cursor}`))
      .body;
    expect(more.items[0].time).toBe(at(120));
    const hours = (await api.get(`${path}?resolution=1h`)).body;
    expect(hours.items.map((hour: { count: number }) => hour.count)).toEqual([180, 20]);
    const within = `${path}?resolution=1m&from=${at(65)}&to=${at(180)}`;
    const some = (await api.get(within)).body.items.map((bucket: { time: string }) => bucket.time);
    expect(some).toEqual([at(60), at(120)]);
  });

  it('needs the metric when the device has several', async () => {
    await api.store(readings([{ value: 1, battery: 3 }]));
    const { status, body } = await api.get(path);
    expect([status, body.code, body.errors[0].pointer]).toEqual([
      400,
      'REQUEST_INVALID',
      '/metric',
    ]);
    expect(body.errors[0].detail).toContain('temperature, temperature.battery');
    expect((await api.get(`${path}?metric=temperature`)).body.items.length).toBe(1);
    expect((await api.get(`${path}?metric=pressure`)).body.items).toEqual([]);
  });
});
