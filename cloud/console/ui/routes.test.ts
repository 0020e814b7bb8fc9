import { expect, it } from 'vitest';
import {
  devicePath,
  devicesPath,
  orderPath,
  ordersPath,
  parseRoute,
  productPath,
  productsPath,
  stockPath,
} from './routes.ts';

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

it('reads its own addresses of orders, products and stock', () => {
  expect(route(ordersPath())).toEqual({ page: 'orders', state: '', cursor: '' });
  const older = ordersPath({ state: 'confirmed', cursor: 'a+b=' });
  expect(route(older)).toEqual({ page: 'orders', state: 'confirmed', cursor: 'a+b=' });
  expect(route(orderPath('ord_1'))).toEqual({ page: 'order', id: 'ord_1' });
  expect(route(productsPath({ q: 'ice & co' }))).toMatchObject({ search: 'ice & co' });
  expect(route(productPath('new'))).toEqual({ page: 'product', id: 'new' });
  expect(route(stockPath('PEAS'))).toEqual({ page: 'stock', search: 'PEAS' });
});

it.each([
  '/console/nothing',
  '/console/nothing/at-all',
  '/console/stock/one',
  '/console/devices/a/b',
  '/console/devices/%',
])('knows no page at %s', (path) => expect(route(path)).toEqual({ page: 'unknown' }));
