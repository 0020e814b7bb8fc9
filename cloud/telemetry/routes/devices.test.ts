import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EVERYWHERE, nextOf, OPERATOR, type Reply, readings, TestApi } from './api.fixture.ts';

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.open();
});
afterEach(() => api.close());

describe('GET /v1/devices', () => {
  it('lists devices by site and id, with the latest of each metric', async () => {
    await api.store([
      ...readings([4, { value: 4.5, battery: 2.9 }]),
      ...readings(['open'], { device: 'door-1', channel: 'state', atMicros: 2_000_000 }),
    ]);
    const { body, headers } = await api.get('/v1/devices');
    expect(body).toEqual({
      items: [
        {
          id: 'cold-01',
          site: 'site-1',
          gatewayId: 'gw_1',
          lastSeen: at(1),
          metricCount: 2,
          metrics: [
            { metric: 'temperature', time: at(1), value: 4.5 },
            { metric: 'temperature.battery', time: at(1), value: 2.9 },
          ],
        },
        {
          id: 'door-1',
          site: 'site-1',
          gatewayId: 'gw_1',
          lastSeen: at(2),
          metricCount: 1,
          metrics: [{ metric: 'state', time: at(2), text: '"open"' }],
        },
      ],
      next_cursor: null,
    });
    expect(headers.get('cache-control')).toBe('no-cache');
  });

  it('pages, with a link to the next page', async () => {
    const devices = ['a', 'b', 'c', 'd', 'e'];
    for (const [index, device] of devices.entries()) {
      const site = index < 3 ? 'site-1' : 'site-2';
      await api.store(readings([1], { device }), { first: index + 1, site });
    }
    const found: string[] = [];
    let path: string | undefined = '/v1/devices?limit=2';
    while (path) {
      const page: Reply = await api.get(path, EVERYWHERE);
      const { body } = page;
      expect(body.items.length).toBeLessThanOrEqual(2);
      found.push(...body.items.map((item: { id: string }) => item.id));
      path = nextOf(page);
      expect(path === undefined).toBe(body.next_cursor === null);
    }
    expect(found).toEqual(devices);
  });

  it('answers 304 to who has it already', async () => {
    await api.store(readings([1]));
    const tag = (await api.get('/v1/devices')).headers.get('etag')!;
    for (const given of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const reply = await api.get('/v1/devices', OPERATOR, { 'if-none-match': given });
      expect([reply.status, reply.body, reply.headers.get('etag')]).toEqual([304, undefined, tag]);
    }
    await api.store(readings([2]), { first: 2 });
    expect((await api.get('/v1/devices', OPERATOR, { 'if-none-match': tag })).status).toBe(200);
  });
});

describe('GET /v1/devices/{id}/latest', () => {
  it('is the reading of the highest sequence, whatever its time', async () => {
    await api.store(readings([{ value: 2, ts: '2020-01-01T00:00:00Z' }]), { first: 9 });
    await api.store(readings([{ value: 1, ts: '2025-01-01T00:00:00Z' }]), { first: 3 });
    const { body } = await api.get('/v1/devices/cold-01/latest');
    expect(body).toEqual({
      id: 'cold-01',
      site: 'site-1',
      metrics: [
        {
          metric: 'temperature',
          time: '2020-01-01T00:00:00.000Z',
          receivedAt: at(0),
          value: 2,
          sequence: 9,
          incarnation: '01a',
          gatewayId: 'gw_1',
          lane: 'telemetry',
        },
      ],
    });
  });

  it('shows text, bytes that are no text, and a clock that is not believed', async () => {
    await api.store([
      ...readings(['ajar'], { channel: 'door' }),
      ...readings([Buffer.from([255, 0])], { channel: 'raw' }),
      ...readings([{ value: 1, ts: '1970-01-01T00:00:00Z' }], { channel: 'skewed' }),
    ]);
    const { body } = await api.get('/v1/devices/cold-01/latest');
    const shown = body.metrics.map((entry: Record<string, unknown>) => [
      entry['metric'],
      entry['value'] ?? entry['text'] ?? entry['base64'],
      entry['clock'],
    ]);
    expect(shown).toEqual([
      ['door', '"ajar"', undefined],
      ['raw', '/wA=', undefined],
      ['skewed', 1, 'suspect'],
    ]);
  });
});
