import { assert } from '@holdfast/shared/lib/assert.ts';
import { rowBatches } from '@holdfast/shared/lib/row-batches.ts';
import { statement } from '@holdfast/shared/platform/sql/statement.ts';
import type { Transaction } from 'kysely';
import {
  CHAIN_START,
  type ChainEnd,
  type ChainName,
  linkAfter,
  type RowContent,
} from '../domain/chain.ts';
import { entryText, keysOf, type ReadEntry } from '../domain/entry.ts';
import type { AuditRow, AuditTables } from './tables.ts';

export type NewEntry = ReadEntry & Omit<RowContent, 'entry'>;

/** Puts entries at the end of a chain, in their order. */
export async function appendEntries(
  tx: Transaction<AuditTables>,
  chain: ChainName,
  entries: readonly NewEntry[],
): Promise<void> {
  let end = await takeEnd(tx, chain);
  const rows: AuditRow[] = [];
  for (const { entry, unreadable, ...facts } of entries) {
    const content = { ...facts, entry: entryText(entry) };
    const { index, previousHash, hash } = linkAfter(chain, end, content);
    rows.push({
      ...chain,
      chain_index: index,
      previous_hash: previousHash,
      hash,
      event_id: content.eventId,
      tenant: content.tenant,
      subject: content.subject,
      sequence: content.sequence,
      time: content.time,
      traceparent: content.traceparent,
      entry: content.entry,
      ...keysOf(entry),
      unreadable,
    });
    end = { length: index, hash };
  }
  for (const some of rowBatches(rows)) await insertEntries.run(tx, { rows: some });
  await moveEnd(tx, chain, end);
}

/**
 * The chain's end, and the right to move it: the row is written before it is read, so that another
 * process with the same chain waits here and then finds that it has to begin anew. A read would
 * scan a small table on PostgreSQL and make neighbours of all chains.
 */
async function takeEnd(tx: Transaction<AuditTables>, chain: ChainName): Promise<ChainEnd> {
  const [end] = await touchChain.all(tx, { ...chain, ...CHAIN_START });
  assert(end, 'a row that was written is there');
  return end;
}

type ChainRow = AuditTables['audit_chains'];

const touchChain = statement<AuditTables, ChainRow>()((db, row) =>
  db
    .insertInto('audit_chains')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['service', 'partition'])
        .doUpdateSet((eb) => ({ length: eb.ref('audit_chains.length') })),
    )
    .returning(['length', 'hash']),
);

const moveChain = statement<AuditTables, ChainRow>()((db, { service, partition, ...end }) =>
  db
    .updateTable('audit_chains')
    .set(end)
    .where('service', '=', service)
    .where('partition', '=', partition),
);

const insertEntries = statement<AuditTables, { readonly rows: readonly AuditRow[] }>()(
  (db, { rows }) => db.insertInto('audit_entries').values(rows),
);

async function moveEnd(
  tx: Transaction<AuditTables>,
  chain: ChainName,
  end: ChainEnd,
): Promise<void> {
  await moveChain.run(tx, { ...chain, ...end });
}
