import { planOf } from '@holdfast/shared/platform/sql/plan.fixture.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dropPlace, newPlace, type OrderPlace, openerOf } from '../order.fixture.ts';
import { ORDER_TABLES } from './migrations.ts';
import { type OrderScope, ordersQuery } from './orders.ts';
import type { OrderTables } from './tables.ts';

const TENANT = 'acme';
const SCOPES = {
  customer: { tenant: TENANT, kind: 'customer', customer: 'usr_1' },
  everybody: { tenant: TENANT, kind: 'sites', sites: 'all' },
  'who works at a site': { tenant: TENANT, kind: 'sites', sites: ['site-1'] },
} as const satisfies Record<string, OrderScope>;

let place: OrderPlace;
let sql: Sql<OrderTables>;
beforeEach(async () => {
  place = newPlace('sqlite');
  sql = (await openerOf(place, testRuntime())(ORDER_TABLES)) as Sql<OrderTables>;
});
afterEach(async () => {
  await sql.close();
  await dropPlace(place);
});

const pagePlan = (scope: OrderScope, page: { state?: 'confirmed'; after?: string }) =>
  sql.transaction((tx) => planOf(tx, ordersQuery(tx, scope, { ...page, limit: 50 })));

describe('a page of orders', () => {
  it.for([
    ['customer', {}, 'orders_by_tenant_customer_id (tenant=? AND customer=?)'],
    [
      'customer',
      { state: 'confirmed' },
      'orders_by_tenant_customer_state_id (tenant=? AND customer=? AND state=?)',
    ],
    ['everybody', {}, 'orders_by_tenant_id (tenant=?)'],
    ['everybody', { state: 'confirmed' }, 'orders_by_tenant_state_id (tenant=? AND state=?)'],
    ['who works at a site', {}, 'orders_by_tenant_id (tenant=?)'],
    [
      'who works at a site',
      { state: 'confirmed' },
      'orders_by_tenant_state_id (tenant=? AND state=?)',
    ],
  ] as const)('for %s with %o is read in the order of an index, and not sorted', async (given) => {
    const [scope, page, index] = given;
    expect(await pagePlan(SCOPES[scope], page)).toEqual([`SEARCH orders USING INDEX ${index}`]);
    const next = await pagePlan(SCOPES[scope], { ...page, after: 'ord_5' });
    expect(next).toEqual([`SEARCH orders USING INDEX ${index.replace(')', ' AND id<?)')}`]);
  });
});
