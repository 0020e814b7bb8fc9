import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgresSql } from '@holdfast/shared/platform/sql/sql.postgres.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import type { OpenSql, Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { sql as raw } from 'kysely';
import { createOutbox } from '../platform/outbox/outbox.ts';
import type { PeerCall } from '../platform/peer/peer.ts';
import type { StockConsumerDeps } from './events/stock-consumer.ts';
import { INVENTORY_TABLES } from './inventory.module.ts';
import { inventoryHandlers } from './peer-service.ts';
import { createDesk, type Desk, isOfOne } from './store/desk.ts';
import { findLevel } from './store/levels.ts';
import type { InventoryTables } from './store/tables.ts';
import { createWatchers } from './watchers.ts';

const POSTGRES_URL = process.env['HOLDFAST_TEST_POSTGRES_URL'];

/** SQLite always, PostgreSQL when it is there; the title of what is skipped carries the reason. */
export const DATABASES: readonly { technology: Technology; title: string; skip: boolean }[] = [
  { technology: 'sqlite', title: 'on sqlite', skip: false },
  {
    technology: 'postgres',
    title: POSTGRES_URL ? 'on postgres' : 'skipped: HOLDFAST_TEST_POSTGRES_URL is not set',
    skip: !POSTGRES_URL,
  },
];

/** Where a test's tables are; another process finds them by it. */
export interface TestPlace {
  readonly technology: Technology;
  readonly dir: string;
  readonly schema: string;
}

export function openerOf(place: TestPlace, rt: Runtime): OpenSql {
  if (place.technology === 'sqlite') return openSqliteSql({ dir: place.dir, rt });
  const open = openPostgresSql({ url: POSTGRES_URL!, rt, poolMax: 4 });
  return (service) => open({ ...service, service: place.schema });
}

export const TENANT = 'dev';
export const SITE = 'site-1';
export const ITEM = 'FRZ-PEAS-1KG';
/** Of calls by a service. */
export const CALL: PeerCall = {
  caller: 'order',
  scope: { tenant: TENANT, actor: 'svc_order' },
  signal: new AbortController().signal,
};

/** A ledger of one process, without its module's loops. */
export interface TestLedger {
  readonly sql: Sql<InventoryTables>;
  readonly desk: Desk;
  readonly handlers: ReturnType<typeof inventoryHandlers>;
  readonly watchers: ReturnType<typeof createWatchers>;
  readonly consumer: StockConsumerDeps;
  receive(quantity: bigint, at?: { readonly site?: string; readonly item?: string }): Promise<void>;
  level(item?: string, site?: string): ReturnType<typeof findLevel>;
  close(): Promise<void>;
}

let received = 0;

export async function openLedger(place: TestPlace, rt: Runtime): Promise<TestLedger> {
  const sql = await openerOf(place, rt)<InventoryTables>(INVENTORY_TABLES);
  const outbox = createOutbox({ source: 'inventory', region: 'local', runtime: rt });
  const watchers = createWatchers({ sql, runtime: rt, pollMs: 20 });
  const desk = createDesk({ sql, outbox, runtime: rt, committed: () => watchers.nudge() });
  const { transaction, book } = desk;
  const now = (): bigint => rt.clock.nowMicros();
  return {
    sql,
    desk,
    watchers,
    handlers: inventoryHandlers({ desk, sql, watchers }),
    consumer: { sql, runtime: rt, ledger: { transaction, book, now }, isRefusal: isOfOne },
    async receive(quantity, { site = SITE, item = ITEM } = {}) {
      const id = `mov_${process.pid}_${received++}`;
      const movement = { id, site, item, kind: 'receive' as const, quantity };
      await desk.run({ kind: 'move', tenant: TENANT, movement });
    },
    level: (item = ITEM, site = SITE) =>
      sql.read((db) => findLevel(db, { tenant: TENANT, site, item })),
    async close() {
      await desk.stop();
      await watchers.stop();
      await sql.close();
    },
  };
}

/** A database of one test: a folder, or a schema of its own. */
export class TestDatabase {
  readonly place: TestPlace;
  readonly #ledgers: TestLedger[] = [];

  constructor(technology: Technology) {
    const dir = mkdtempSync(join(tmpdir(), 'holdfast-inventory-'));
    this.place = { technology, dir, schema: `inventory-${randomBytes(6).toString('hex')}` };
  }

  async open(rt: Runtime = testRuntime()): Promise<TestLedger> {
    const ledger = await openLedger(this.place, rt);
    this.#ledgers.push(ledger);
    return ledger;
  }

  async dispose(): Promise<void> {
    for (const ledger of this.#ledgers.splice(0)) await ledger.close();
    const { technology, dir, schema } = this.place;
    if (technology === 'postgres') {
      const own = await openerOf(this.place, testRuntime())(INVENTORY_TABLES);
      await own.transaction((tx) => raw`drop schema ${raw.id(schema)} cascade`.execute(tx));
      await own.close();
    }
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A Reserve of one line. */
export function reserving(
  reservationId: string,
  line: { readonly item?: string; readonly quantity?: bigint; readonly site?: string } = {},
) {
  const { item = ITEM, quantity = 1n, site = '' } = line;
  return {
    reservationId,
    orderId: `ord_${reservationId}`,
    lines: [{ item, quantity, site }],
    holdSeconds: 900,
  };
}
