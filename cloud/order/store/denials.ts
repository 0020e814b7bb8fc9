import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { recordAudit } from '../../platform/outbox/record-audit.ts';
import type { HistoryEntry } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import type { OrderTables } from './tables.ts';
import { type OrderAudit, type Telling, writeHistory } from './write-change.ts';

export interface Denial extends Telling {
  /** Absent when it was about none that exists. */
  readonly order?: Order;
  /** Of who was denied. */
  readonly tenant: string;
  readonly decision: HistoryEntry;
  readonly audit: OrderAudit;
}

/**
 * A denial, before it is answered. It is in the books of whose the order is: in those of who tried
 * it would tell that the order exists (I10). The order's story leaves other tenants' people out.
 */
export function writeDenial(sql: Sql<OrderTables>, denial: Denial): Promise<void> {
  const { outbox, order, tenant, actor, audit, decision, now } = denial;
  return sql.transaction(async (tx) => {
    const owner = order?.tenant ?? tenant;
    await recordAudit(tx, { outbox, tenant: owner, entry: { ...audit, actor } });
    if (tenant !== order?.tenant) return;
    const { action, outcome } = audit;
    const told: HistoryEntry = { kind: 'audit', action, outcome, actor };
    await writeHistory(tx, { order, entries: [decision, told], now });
  });
}
