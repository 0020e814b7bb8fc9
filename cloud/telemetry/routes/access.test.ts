import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EVERYWHERE, readings, TestApi } from './api.fixture.ts';

let api: TestApi;
beforeEach(async () => {
  api = await TestApi.open();
});
afterEach(() => api.close());

describe('who may see what', () => {
  const paths = [
    '/v1/devices',
    '/v1/gateways',
    '/v1/devices/cold-01/latest',
    '/v1/devices/cold-01/readings',
  ];

  it.each(paths)('%s needs a token, and a role at the site', async (path) => {
    await api.store(readings([1]));
    expect((await api.getAs({}, path)).status).toBe(401);
    expect((await api.get(path, 'customer@dev/*')).status).toBe(403);
    for (const role of ['operator', 'manager', 'administrator']) {
      expect((await api.get(path, `${role}@dev/site-1`)).status).toBe(200);
    }
  });

  it('shows nothing of another tenant or site (I10)', async () => {
    await api.store(readings([1]));
    for (const token of ['administrator@other/*', 'manager@dev/site-2', 'manager@dev/']) {
      expect((await api.get('/v1/devices', token)).body.items).toEqual([]);
      expect((await api.get('/v1/gateways', token)).body.items).toEqual([]);
      expect((await api.get('/v1/devices/cold-01/latest', token)).status).toBe(404);
      expect((await api.get('/v1/devices/cold-01/readings', token)).status).toBe(404);
      const named = await api.get('/v1/devices/cold-01/readings?site=site-1', token);
      expect(named.status).toBe(404);
    }
    expect((await api.get('/v1/devices?site=site-1', 'manager@dev/site-2')).status).toBe(403);
  });

  it('asks for the site when an id means two devices', async () => {
    await api.store(readings([1]));
    await api.store(readings([2]), { site: 'site-2', gatewayId: 'gw_2' });
    const path = '/v1/devices/cold-01/latest';
    const { status, body } = await api.get(path, EVERYWHERE);
    expect([status, body.code, body.errors[0].pointer]).toEqual([409, 'CONFLICT', '/site']);
    const there = await api.get(`${path}?site=site-2`, EVERYWHERE);
    expect(there.body.metrics[0].value).toBe(2);
    expect((await api.get(path)).body.metrics[0].value).toBe(1);
  });
});

describe('what is refused, by name', () => {
  it.each([
    ['/v1/devices?color=red', '/color'],
    ['/v1/devices?limit=0', '/limit'],
    ['/v1/devices?limit=101', '/limit'],
    ['/v1/devices?limit=ten', '/limit'],
    ['/v1/devices?limit=1&limit=2', '/limit'],
    ['/v1/devices?cursor=nonsense', '/cursor'],
    ['/v1/devices?site=', '/site'],
    ['/v1/gateways?cursor=WzFd', '/cursor'],
    ['/v1/devices/cold-01/latest?metric=t', '/metric'],
    ['/v1/devices/cold-01/readings?from=yesterday', '/from'],
    ['/v1/devices/cold-01/readings?to=2026-13-01T00:00:00Z', '/to'],
    ['/v1/devices/cold-01/readings?resolution=1d', '/resolution'],
    ['/v1/devices/cold-01/readings?order=value', '/order'],
    ['/v1/devices/cold-01/readings?limit=10001', '/limit'],
    ['/v1/devices/cold-01/readings?metric=a%00b', '/metric'],
    ['/v1/devices/cold-01/readings?cursor=WyIxbSIsMF0', '/cursor'],
  ])('%s', async (path, pointer) => {
    await api.store(readings([1]));
    const { status, headers, body } = await api.get(path);
    expect([status, body.code]).toEqual([400, 'REQUEST_INVALID']);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  });

  it('finds a device whatever its name is made of', async () => {
    for (const [index, device] of ['a/b c', '💩', 'x'.repeat(300)].entries()) {
      await api.store(readings([1], { device }), { first: index + 1 });
      const { status, body } = await api.get(`/v1/devices/${encodeURIComponent(device)}/latest`);
      expect([status, body.metrics.length]).toEqual([200, 1]);
    }
  });

  it('a device that is not there, whatever its name', async () => {
    for (const id of ['unknown', 'a%00b', '%F0%9F%92%A9', 'x'.repeat(300)]) {
      const { status, body } = await api.get(`/v1/devices/${id}/latest`);
      expect([status, body.code]).toEqual([404, 'NOT_FOUND']);
    }
  });
});
