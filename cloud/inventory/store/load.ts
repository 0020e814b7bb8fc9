import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Transaction } from 'kysely';
import type { Command, MoveCommand } from '../domain/command.ts';
import { discrepancyOf } from '../domain/discrepancies.ts';
import type {
  DiscrepancyRecord,
  LegRecord,
  LevelRecord,
  ReservationRecord,
} from '../domain/records.ts';
import type { Loaded } from '../domain/working-set.ts';
import {
  DISCREPANCY_COLUMNS,
  discrepancyRecord,
  legOf,
  levelOf,
  RESERVATION_COLUMNS,
  reservationOf,
} from './rows.ts';
import type { InventoryTables } from './tables.ts';

type Tx = Transaction<InventoryTables>;

const LEVEL_COLUMNS = [
  ...(['tenant', 'site', 'item', 'on_hand', 'reserved', 'sold', 'frozen'] as const),
  ...(['version', 'changed_at'] as const),
];
/** Ids of one statement; the rest is asked for by the next. */
const IDS_MAX = 500;

interface TenantsOwn {
  readonly tenant: string;
  readonly ids: readonly string[];
}

/** What the commands of one tenant need to know, in as few statements as there are tables. */
export async function load(tx: Tx, tenant: string, commands: readonly Command[]): Promise<Loaded> {
  const reservations = await loadReservations(tx, tenant, commands);
  const discrepancies = await loadDiscrepancies(tx, tenant, commands);
  const items = new Set([
    ...commands.flatMap(itemsOf),
    ...reservations.flatMap(({ lines }) => lines.map(({ item }) => item)),
    ...discrepancies.map(({ item }) => item),
  ]);
  const levels = await loadLevels(tx, tenant, [...items]);
  const moves = commands.filter((command) => command.kind === 'move');
  const legs = moves.length === 0 ? [] : await loadLegs(tx, tenant, moves);
  return { reservations, discrepancies, levels, legs };
}

function itemsOf(command: Command): readonly string[] {
  switch (command.kind) {
    case 'reserve':
      return command.lines.map(({ item }) => item);
    case 'move':
      return [command.movement.item];
    case 'freeze':
      return [command.item];
    default:
      return [];
  }
}

async function loadReservations(
  tx: Tx,
  tenant: string,
  commands: readonly Command[],
): Promise<readonly ReservationRecord[]> {
  const ids = commands.flatMap((command) =>
    'reservationId' in command ? [command.reservationId] : [],
  );
  return inPieces(ids, async (some) => {
    const rows = await selectReservations.all(tx, { tenant, ids: some });
    return rows.map(reservationOf);
  });
}

const selectReservations = statement<InventoryTables, TenantsOwn>()((db, { tenant, ids }) =>
  db
    .selectFrom('reservations')
    .select(RESERVATION_COLUMNS)
    .where('tenant', '=', tenant)
    .where('id', 'in', ids),
);

const selectLevels = statement<InventoryTables, TenantsOwn>()((db, { tenant, ids }) =>
  db
    .selectFrom('levels')
    .select(LEVEL_COLUMNS)
    .where('tenant', '=', tenant)
    .where('item', 'in', ids),
);

async function loadLevels(
  tx: Tx,
  tenant: string,
  items: readonly string[],
): Promise<readonly LevelRecord[]> {
  return inPieces(items, async (some) => {
    const rows = await selectLevels.all(tx, { tenant, ids: some });
    return rows.map(levelOf);
  });
}

async function loadDiscrepancies(
  tx: Tx,
  tenant: string,
  commands: readonly Command[],
): Promise<readonly DiscrepancyRecord[]> {
  const ids = commands.flatMap((command) => {
    if (command.kind === 'resolve') return [command.discrepancyId];
    if (command.kind !== 'freeze') return [];
    const found = { reason: 'unreadable' as const, difference: 0n, detail: '' };
    return [discrepancyOf({ ...command, id: command.movementId }, found).id];
  });
  return inPieces(ids, async (some) => {
    const rows = await tx
      .selectFrom('discrepancies')
      .select(DISCREPANCY_COLUMNS)
      .where('tenant', '=', tenant)
      .where('id', 'in', some)
      .execute();
    return rows.map(discrepancyRecord);
  });
}

/** Movements that come again, and what counts and these movements have to do with each other. */
async function loadLegs(
  tx: Tx,
  tenant: string,
  moves: readonly MoveCommand[],
): Promise<readonly LegRecord[]> {
  const ids = moves.map(({ movement }) => movement.id);
  const again = await inPieces(ids, async (some) => {
    const rows = await tx
      .selectFrom('movements')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('id', 'in', some)
      .execute();
    return rows.map(legOf);
  });
  const counts = await loadCounts(tx, tenant, moves);
  const legs = [...again, ...counts];
  for (const { movement } of moves) {
    if (movement.kind === 'count') legs.push(...(await loadForCount(tx, tenant, movement)));
  }
  return legs;
}

/** Counts of the same items that may be younger than one of these movements. */
async function loadCounts(
  tx: Tx,
  tenant: string,
  moves: readonly MoveCommand[],
): Promise<readonly LegRecord[]> {
  const dated = moves.filter(({ movement }) => movement.occurredAt !== undefined);
  const since = dated.map(({ movement }) => movement.occurredAt!);
  if (since.length === 0) return [];
  const oldest = since.reduce((least, at) => (at < least ? at : least));
  const items = dated.map(({ movement }) => movement.item);
  const sites = dated.flatMap(({ movement: { site, toSite } }) => [
    site,
    ...(toSite ? [toSite] : []),
  ]);
  return inPieces([...new Set(items)], async (some) => {
    const rows = await tx
      .selectFrom('movements')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('site', 'in', [...new Set(sites)])
      .where('item', 'in', some)
      .where('occurred_at', '>', oldest)
      .where('kind', '=', 'count')
      .execute();
    return rows.map(legOf);
  });
}

/** What is younger than a count, and what its counter did not see. */
async function loadForCount(
  tx: Tx,
  tenant: string,
  movement: MoveCommand['movement'],
): Promise<readonly LegRecord[]> {
  const { site, item, occurredAt, seen } = movement;
  if (occurredAt === undefined && seen === undefined) return [];
  const rows = await tx
    .selectFrom('movements')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('site', '=', site)
    .where('item', '=', item)
    .where((where) =>
      seen ? where('version', '>', seen.version) : where('occurred_at', '>', occurredAt ?? 0n),
    )
    .execute();
  return rows.map(legOf);
}

async function inPieces<Row>(
  ids: readonly string[],
  read: (some: readonly string[]) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const different = [...new Set(ids)];
  const rows: Row[] = [];
  for (let from = 0; from < different.length; from += IDS_MAX) {
    rows.push(...(await read(different.slice(from, from + IDS_MAX))));
  }
  return rows;
}
