import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Database } from '@holdfast/shared/runtime/sqlite.ts';
import { SETTLEMENTS, type Settlement } from './buffer-store.ts';
import { withSettlement } from './retention/settlements.ts';
import { rowChecksum } from './row-checksum.ts';
import { rangeOfRow, rowId } from './row-id.ts';

interface SettlementRow {
  readonly id: bigint;
  readonly last: bigint;
  readonly kind: string;
  readonly reason: string;
  readonly at_micros: bigint;
  readonly checksum: bigint;
}

export interface SettlementRows {
  /** Within a transaction; those that it touches or cuts are written anew, with it. */
  write(stream: number, settlement: Settlement, atMicros: bigint): void;
}

export function settlementRows(database: Database): SettlementRows {
  const floor = database
    .prepare('select max(id) from settlements where id between @low and @id')
    .pluck();
  const near = database.prepare('select * from settlements where id between @low and @high');
  const remove = database.prepare('delete from settlements where id = ?');
  const insert = database.prepare(`insert into settlements
    (id, last, kind, reason, at_micros, checksum) values (?, ?, ?, ?, ?, ?)`);
  return {
    write(stream, added, atMicros) {
      const { first, last } = added.range;
      const id = rowId(stream, first);
      const low = (floor.get({ low: rowId(stream, 1n), id }) as bigint | null) ?? id;
      const rows = near.all({ low, high: rowId(stream, last + 1n) }) as SettlementRow[];
      const held = rows.map((row) => ({ ...settlement(row), atMicros: row.at_micros }));
      for (const row of rows) remove.run(row.id);
      for (const one of withSettlement(held, { ...added, atMicros })) {
        const { range, kind, reason } = one;
        const row = [rowId(stream, range.first), range.last, kind, reason, one.atMicros] as const;
        insert.run(...row, rowChecksum(...row));
      }
    },
  };
}

/** Throws STORE_DAMAGED when the row is not what was written. */
export function settlement(row: unknown): Settlement {
  const { id, last, kind: name, reason, at_micros, checksum } = row as SettlementRow;
  if (checksum !== BigInt(rowChecksum(id, last, name, reason, at_micros)))
    throw new AppError('STORE_DAMAGED', 'a settlement is not what was written');
  const kind = SETTLEMENTS.find((known) => known === name);
  if (!kind) throw new AppError('STORE_DAMAGED', `the buffer names an unknown end ${name}`);
  return { kind, range: rangeOfRow(id, last), reason };
}
