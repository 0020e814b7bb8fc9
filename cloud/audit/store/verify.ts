import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import { CHAIN_START, type ChainEnd, type ChainName, chainLabel } from '../domain/chain.ts';
import { type Break, endBreak, rowBreak, type StoredRow } from '../domain/verify.ts';
import type { AuditRow, AuditTables } from './tables.ts';
import { verifyHeads } from './verify-heads.ts';

/** Where a verification goes on: in a chain, or in the heads when all chains are done. */
export type Place =
  | { readonly stage: 'chains'; readonly chain: ChainName | undefined; readonly end: ChainEnd }
  | { readonly stage: 'heads'; readonly end: ChainEnd };

export const VERIFICATION_START: Place = { stage: 'chains', chain: undefined, end: CHAIN_START };

export interface FoundBreak extends Break {
  /** `service/partition`, or `heads`. */
  readonly chain: string;
}

export interface Slice {
  readonly breaks: readonly FoundBreak[];
  readonly entriesChecked: number;
  readonly headsChecked: number;
  /** Undefined when all is verified. */
  readonly next: Place | undefined;
}

/**
 * Verifies at most `rowsMax` rows from a place on. A chain that is broken is left at its first
 * break, and the next chain is verified. All of a slice is read from one state of the database.
 */
export async function verifySlice(
  db: Reader<AuditTables>,
  from: Place,
  rowsMax: number,
): Promise<Slice> {
  if (from.stage === 'heads') return verifyHeads(db, from.end, rowsMax);
  const breaks: FoundBreak[] = [];
  let chain = from.chain ?? (await chainAfter(db, undefined));
  let end = from.end;
  let checked = 0;
  while (chain) {
    const rest = rowsMax - checked;
    if (rest <= 0) {
      return {
        breaks,
        entriesChecked: checked,
        headsChecked: 0,
        next: { stage: 'chains', chain, end },
      };
    }
    const run = await verifyRun(db, { chain, end, rowsMax: rest });
    checked += run.checked;
    if (run.found) breaks.push({ ...run.found, chain: chainLabel(chain) });
    if (run.isOver) chain = await chainAfter(db, chain);
    end = run.isOver ? CHAIN_START : run.end;
  }
  const next: Place = { stage: 'heads', end: CHAIN_START };
  return { breaks, entriesChecked: checked, headsChecked: 0, next };
}

interface Run {
  readonly checked: number;
  readonly found: Break | undefined;
  /** Nothing is left to verify of this chain. */
  readonly isOver: boolean;
  readonly end: ChainEnd;
}

async function verifyRun(
  db: Reader<AuditTables>,
  of: { readonly chain: ChainName; readonly end: ChainEnd; readonly rowsMax: number },
): Promise<Run> {
  const { chain, rowsMax } = of;
  const rows = await db
    .selectFrom('audit_entries')
    .selectAll()
    .where('service', '=', chain.service)
    .where('partition', '=', chain.partition)
    .where('chain_index', '>', of.end.length)
    .orderBy('chain_index')
    .limit(rowsMax)
    .execute();
  let end = of.end;
  for (const [position, row] of rows.entries()) {
    const found = rowBreak(chain, end, storedRow(row));
    if (found) return { checked: position + 1, found, isOver: true, end };
    end = { length: row.chain_index, hash: row.hash };
  }
  if (rows.length === rowsMax)
    return { checked: rows.length, found: undefined, isOver: false, end };
  const found = endBreak(end, await recordedEnd(db, chain));
  return { checked: rows.length, found, isOver: true, end };
}

async function recordedEnd(db: Reader<AuditTables>, chain: ChainName): Promise<ChainEnd> {
  const row = await db
    .selectFrom('audit_chains')
    .select(['length', 'hash'])
    .where('service', '=', chain.service)
    .where('partition', '=', chain.partition)
    .executeTakeFirst();
  return row ?? CHAIN_START;
}

/**
 * The next chain that has rows or a recorded end: one of the two may have been taken away. Each
 * query is a step in an index, however many rows there are.
 */
async function chainAfter(
  db: Reader<AuditTables>,
  last: ChainName | undefined,
): Promise<ChainName | undefined> {
  const candidates: ChainName[] = [];
  for (const table of ['audit_entries', 'audit_chains'] as const) {
    const found =
      (last && (await partitionAfter(db, table, last))) ??
      (await serviceAfter(db, table, last?.service));
    if (found) candidates.push(found);
  }
  return candidates.sort(byName)[0];
}

function byName(a: ChainName, b: ChainName): number {
  if (a.service === b.service) return a.partition < b.partition ? -1 : 1;
  return Buffer.compare(Buffer.from(a.service), Buffer.from(b.service));
}

type ChainTable = 'audit_entries' | 'audit_chains';

function partitionAfter(db: Reader<AuditTables>, table: ChainTable, last: ChainName) {
  return db
    .selectFrom(table)
    .select(['service', 'partition'])
    .where('service', '=', last.service)
    .where('partition', '>', last.partition)
    .orderBy('partition')
    .limit(1)
    .executeTakeFirst();
}

function serviceAfter(db: Reader<AuditTables>, table: ChainTable, last: string | undefined) {
  const all = db.selectFrom(table).select(['service', 'partition']);
  const beyond = last === undefined ? all : all.where('service', '>', last);
  return beyond.orderBy('service').orderBy('partition').limit(1).executeTakeFirst();
}

function storedRow(row: AuditRow): StoredRow {
  const { resource_kind, resource_id, actor, action, outcome } = row;
  return {
    index: row.chain_index,
    previousHash: row.previous_hash,
    hash: row.hash,
    eventId: row.event_id,
    tenant: row.tenant,
    subject: row.subject,
    sequence: row.sequence,
    time: row.time,
    traceparent: row.traceparent,
    entry: row.entry,
    keys: { resource_kind, resource_id, actor, action, outcome },
    unreadable: row.unreadable,
  };
}
