import { expect, it } from 'vitest';
import { devicePath, devicesPath, parseRoute } from './routes.ts';

function route(path: string) {
  return parseRoute(new URL(path, 'http://holdfast.test'));
}

it('reads its own addresses', () => {
  expect(route('/console/')).toEqual({ page: 'overview' });
  expect(route(devicesPath())).toEqual({ page: 'devices', search: '' });
  expect(route(devicesPath('a & b'))).toEqual({ page: 'devices', search: 'a & b' });
  const device = route(devicePath('line 1/ä', { site: 'site-1', range: '1h' }));
  expect(device).toMatchObject({ page: 'device', id: 'line 1/ä' });
  expect(device.page === 'device' && device.query.get('range')).toBe('1h');
});

it.each(['/console/nothing', '/console/devices/a/b', '/console/devices/%'])(
  'knows no page at %s',
  (path) => expect(route(path)).toEqual({ page: 'unknown' }),
);
