import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Transaction } from 'kysely';
import type { HistoryEntry } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import { changingColumns, orderOf } from './order-rows.ts';
import { NEVER, type OrderTables } from './tables.ts';
import { type Step, type Telling, writeChanges, writeHistory } from './write-change.ts';

/** Of an order that nobody has taken up since it was placed. */
export const FIRST_EPOCH = 1n;

/** An order in the hands of one process, until `dueAt` or until another epoch begins. */
export interface HeldOrder {
  readonly order: Order;
  readonly holder: string;
  readonly epoch: bigint;
  readonly attempts: number;
}

/** `fenced`: somebody else has it, and nothing was written. */
export type LeaseOutcome = 'written' | 'fenced';

/** Who goes on after a change, and from when on anybody may. */
export interface NextLease {
  readonly holder: string;
  readonly dueAt: bigint;
}

const updateHeld = statement<
  OrderTables,
  ReturnType<typeof changingColumns> &
    Pick<OrderTables['orders'], 'holder' | 'due_at' | 'attempts'> & {
      readonly heldId: string;
      readonly heldBy: string;
      readonly heldEpoch: bigint;
    }
>()((db, { heldId, heldBy, heldEpoch, ...columns }) =>
  db
    .updateTable('orders')
    .set(columns)
    .where('id', '=', heldId)
    .where('holder', '=', heldBy)
    .where('epoch', '=', heldEpoch),
);

/** Thrown inside its transaction, so that nothing of the step is written. */
class Fenced extends Error {}

/** The states, their events, audit rows and history, unless the lease has passed on. */
export async function advance(
  sql: Sql<OrderTables>,
  held: HeldOrder,
  advancing: Telling & { readonly steps: readonly Step[]; readonly next: NextLease },
): Promise<LeaseOutcome> {
  const { steps, next } = advancing;
  const { after } = steps.at(-1)!.change;
  const { holder, dueAt: due_at } = next;
  const changed = { ...changingColumns(after), holder, due_at, attempts: 0n };
  const row = { heldId: held.order.id, heldBy: held.holder, heldEpoch: held.epoch };
  try {
    await sql.transaction(async (tx) => {
      const [updated] = await Promise.all([
        updateHeld.run(tx, { ...changed, ...row }),
        writeChanges(tx, steps, advancing),
      ]);
      if (updated === 0n) throw new Fenced();
    });
  } catch (cause) {
    if (cause instanceof Fenced) return 'fenced';
    throw cause;
  }
  return 'written';
}

/** The answers were not certain: gives the order up until it is tried again. */
export function postpone(
  sql: Sql<OrderTables>,
  held: HeldOrder,
  later: { dueAt: bigint; now: bigint; calls: readonly HistoryEntry[] },
): Promise<LeaseOutcome> {
  const { order, holder, epoch } = held;
  const { calls: entries, now } = later;
  return sql.transaction(async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable('orders')
      .set({ holder: '', due_at: later.dueAt, attempts: BigInt(held.attempts + 1) })
      .where('id', '=', order.id)
      .where('holder', '=', holder)
      .where('epoch', '=', epoch)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return 'fenced';
    // The first ones tell the story; a peer that is away for days must not fill the disk.
    if (held.attempts < ATTEMPTS_TOLD_MAX) await writeHistory(tx, { order, entries, now });
    return 'written';
  });
}

/** Uncertain attempts of one step that are kept for the explanation. */
export const ATTEMPTS_TOLD_MAX = 10;

export interface Claiming {
  readonly holder: string;
  readonly now: bigint;
  readonly leaseUntil: bigint;
  readonly countMax: number;
}

/**
 * Takes what is due: leases that lapsed, retries, and orders whose time is over. Looked for by a
 * read first, so that an idle sweep writes nothing and takes no locks.
 */
export async function claimDue(
  sql: Sql<OrderTables>,
  claiming: Claiming,
): Promise<readonly HeldOrder[]> {
  const { now, countMax } = claiming;
  const due = await sql.read((db) =>
    db
      .selectFrom('orders')
      .select('id')
      .where('due_at', '<=', now)
      .orderBy('due_at')
      .limit(countMax)
      .execute(),
  );
  if (due.length === 0) return [];
  const ids = due.map(({ id }) => id);
  return sql.transaction((tx) => claim(tx, ids, claiming));
}

async function claim(
  tx: Transaction<OrderTables>,
  ids: readonly string[],
  { holder, now, leaseUntil }: Claiming,
): Promise<HeldOrder[]> {
  const rows = await tx
    .updateTable('orders')
    .set((eb) => ({ holder, epoch: eb('epoch', '+', 1n), due_at: leaseUntil }))
    .where('id', 'in', ids)
    .where('due_at', '<=', now)
    .returningAll()
    .execute();
  return rows.map((row) => ({
    order: orderOf(row),
    holder,
    epoch: row.epoch,
    attempts: Number(row.attempts),
  }));
}

/**
 * What is worked on and due after `latest` is due now: nothing can be due so late, so the clock was
 * ahead when it was written. How many.
 */
export async function hasten(
  sql: Sql<OrderTables>,
  { now, latest }: { readonly now: bigint; readonly latest: bigint },
): Promise<bigint> {
  return sql.transaction(async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable('orders')
      .set({ due_at: now })
      .where('due_at', '>', latest)
      .where('due_at', '<', NEVER)
      // It waits for days, and not for us.
      .where('state', '!=', 'confirmed')
      .executeTakeFirst();
    return numUpdatedRows;
  });
}

/** On the way out: another process goes on at once. */
export function releaseAll(
  sql: Sql<OrderTables>,
  { holder, now }: { readonly holder: string; readonly now: bigint },
): Promise<void> {
  return sql.transaction(async (tx) => {
    await tx
      .updateTable('orders')
      .set({ holder: '', due_at: now })
      .where('due_at', '<', NEVER)
      .where('holder', '=', holder)
      .execute();
  });
}
