import { assert } from '@holdfast/shared/lib/assert.ts';
import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Insertable, Transaction } from 'kysely';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import { auditEvent } from '../../platform/outbox/record-audit.ts';
import type { DiscrepancyRecord } from '../domain/records.ts';
import type { Changes } from '../domain/working-set.ts';
import { discrepancyRow, legRow, levelRow, reservationRow } from './rows.ts';
import type { InventoryTables } from './tables.ts';

type Tx = Transaction<InventoryTables>;

export interface SaveOptions {
  readonly outbox: Outbox;
  readonly now: bigint;
}

/** Writes what changed, with its events and audit rows. */
export async function save(tx: Tx, changes: Changes, options: SaveOptions): Promise<void> {
  const { outbox, now } = options;
  const opened = await openDiscrepancies(tx, changes.opened, now);
  const audits = changes.audits.map(({ tenant, entry }) => auditEvent(tenant, entry));
  await Promise.all([
    changes.levels.length > 0 && saveLevels(tx, changes.levels),
    saveReservations(tx, changes, now),
    saveMovements(tx, changes, now),
    resolveDiscrepancies(tx, changes, now),
    outbox.enqueueAll(tx, [...changes.events, ...opened.map(openedEvent), ...audits]),
  ]);
}

async function saveMovements(tx: Tx, { legs }: Changes, now: bigint): Promise<void> {
  for (const some of rowBatches(legs.map((leg) => legRow(leg, now)))) {
    await insertMovements.run(tx, { rows: some });
  }
}

async function resolveDiscrepancies(tx: Tx, { resolved }: Changes, now: bigint): Promise<void> {
  for (const { tenant, id } of resolved) {
    await tx
      .updateTable('discrepancies')
      .set({ state: 'resolved', resolved_at: now })
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .execute();
  }
}

async function saveLevels(tx: Tx, levels: Changes['levels']): Promise<void> {
  const [ledger] = await nextRevision.all(tx, {});
  assert(ledger, 'the ledger has its row');
  const rows = levels.map((level) => levelRow(level, ledger.revision));
  for (const some of rowBatches(rows)) await storeLevels.run(tx, { rows: some });
}

type Rows<T extends keyof InventoryTables> = {
  readonly rows: readonly Insertable<InventoryTables[T]>[];
};

const nextRevision = statement<InventoryTables, object>()((db) =>
  db
    .updateTable('ledger')
    .set((row) => ({ revision: row('revision', '+', 1n) }))
    .returning('revision'),
);

const storeLevels = statement<InventoryTables, Rows<'levels'>>()((db, { rows }) =>
  db
    .insertInto('levels')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'item', 'site']).doUpdateSet((row) => ({
        on_hand: row.ref('excluded.on_hand'),
        reserved: row.ref('excluded.reserved'),
        sold: row.ref('excluded.sold'),
        frozen: row.ref('excluded.frozen'),
        version: row.ref('excluded.version'),
        changed_at: row.ref('excluded.changed_at'),
        revision: row.ref('excluded.revision'),
      })),
    ),
);

const storeReservations = statement<InventoryTables, Rows<'reservations'>>()((db, { rows }) =>
  db
    .insertInto('reservations')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'id']).doUpdateSet((row) => ({
        state: row.ref('excluded.state'),
        changed_at: row.ref('excluded.changed_at'),
      })),
    ),
);

const insertMovements = statement<InventoryTables, Rows<'movements'>>()((db, { rows }) =>
  db.insertInto('movements').values(rows),
);

async function saveReservations(tx: Tx, { reservations }: Changes, now: bigint): Promise<void> {
  const rows = reservations.map((reservation) => reservationRow(reservation, now));
  for (const some of rowBatches(rows)) await storeReservations.run(tx, { rows: some });
}

/** Those that are new; one that was opened before stays as it is. */
async function openDiscrepancies(
  tx: Tx,
  found: readonly DiscrepancyRecord[],
  now: bigint,
): Promise<readonly DiscrepancyRecord[]> {
  const fresh = new Set<string>();
  for (const some of rowBatches(found.map((one) => discrepancyRow(one, now)))) {
    const rows = await tx
      .insertInto('discrepancies')
      .values(some)
      .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
      .returning(['tenant', 'id'])
      .execute();
    for (const { tenant, id } of rows) fresh.add(`${tenant}\0${id}`);
  }
  return found.filter(({ tenant, id }) => fresh.has(`${tenant}\0${id}`));
}

function openedEvent(discrepancy: DiscrepancyRecord) {
  const { tenant, id, site, item, difference, movementId, reason } = discrepancy;
  return {
    type: 'discrepancy.opened.v1' as const,
    subject: id,
    tenant,
    data: { discrepancyId: id, site, item, difference: Number(difference), movementId, reason },
  };
}
