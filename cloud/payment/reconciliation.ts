import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Acquirer, AcquirerOperation } from '../platform/acquirer/acquirer.ts';
import type { Account } from './domain/ledger.ts';
import { type Difference, differenceOf, operationName } from './domain/reconciliation.ts';
import { type BookedOperation, bookedPayment, doneOperations, ledgerSums } from './store/books.ts';
import type { PaymentTables } from './store/tables.ts';

/** Operations of one report, on either side; a day that has more is reported as incomplete. */
export const OPERATIONS_MAX = 5_000;
/** Single operations that are looked up; the rest is counted. */
export const LOOKED_UP_MAX = 100;
const DAY_MICROS = 86_400_000_000n;

export interface ReconciliationReport {
  readonly day: string;
  /** False when a limit was met or the acquirer did not answer. */
  readonly isComplete: boolean;
  /** Of the whole ledger, per currency; each is zero when the books balance (I8). */
  readonly ledger: readonly { currency: string; account: Account; minorUnits: bigint }[];
  readonly bookedCount: number;
  readonly acquirerCount: number;
  readonly differences: readonly Difference[];
  /** Charges at the acquirer under references that no payment has. */
  readonly unattributedCount: number;
}

export interface ReconciliationDeps {
  readonly sql: Sql<PaymentTables>;
  readonly acquirer: Acquirer;
}

/** Our books of a day (UTC) against the acquirer's list of it, for one tenant. */
export async function reconcile(
  { sql, acquirer }: ReconciliationDeps,
  { tenant, day }: { readonly tenant: string; readonly day: string },
): Promise<ReconciliationReport> {
  const from = BigInt(Date.parse(`${day}T00:00:00Z`)) * 1000n;
  const limit = OPERATIONS_MAX;
  const booked = await doneOperations(sql, { tenant, from, to: from + DAY_MICROS, limit });
  const listed = await listDay(acquirer, day);
  const ours = new Map(booked.map((each) => [operationName(each), each]));
  const theirs = new Map(listed.operations.map((each) => [operationName(each), each]));
  const lookUps: (() => Promise<Finding>)[] = [];
  for (const [name, operation] of theirs) {
    const same = ours.get(name);
    if (same && !differenceOf(same, operation)) continue;
    lookUps.push(() => judgeTheirs(sql, tenant, operation));
  }
  for (const [name, operation] of ours) {
    if (!theirs.has(name)) lookUps.push(() => judgeOurs(acquirer, operation));
  }
  const findings: Finding[] = [];
  for (const lookUp of lookUps.slice(0, LOOKED_UP_MAX)) findings.push(await lookUp());
  const isWhole = lookUps.length <= LOOKED_UP_MAX && booked.length < limit && listed.isWhole;
  return {
    day,
    isComplete: isWhole && !findings.includes('unknown'),
    ledger: await ledgerSums(sql, tenant),
    bookedCount: booked.length,
    acquirerCount: listed.operations.length,
    differences: findings.filter((finding) => typeof finding === 'object'),
    unattributedCount: findings.filter((finding) => finding === 'unattributed').length,
  };
}

type Finding = Difference | 'fine' | 'unattributed' | 'unknown';

interface Listed {
  readonly operations: readonly AcquirerOperation[];
  readonly isWhole: boolean;
}

async function listDay(acquirer: Acquirer, day: string): Promise<Listed> {
  const operations: AcquirerOperation[] = [];
  let after: string | undefined;
  while (operations.length < OPERATIONS_MAX) {
    const page = await acquirer.listDay(day, after);
    if (page.kind === 'unknown') return { operations, isWhole: false };
    operations.push(...page.operations);
    if (page.next === undefined) return { operations, isWhole: true };
    // An acquirer that shows the same page for ever is not followed.
    if (page.next === after) return { operations, isWhole: false };
    after = page.next;
  }
  return { operations, isWhole: false };
}

/** The acquirer did it that day; our clock may have put it on the next. */
async function judgeTheirs(
  sql: Sql<PaymentTables>,
  tenant: string,
  theirs: AcquirerOperation,
): Promise<Finding> {
  const payment = await bookedPayment(sql, theirs.reference);
  if (!payment) return 'unattributed';
  if (payment.tenant !== tenant) return 'fine';
  const { operations } = payment;
  const ours = operations.find((each) => each.operationId === theirs.operationId);
  // What was given up and voided was never in the books, and costs nobody anything.
  const isVoided = operations.some((each) => each.kind === 'void' && each.state === 'done');
  if (ours?.state !== 'done' && isVoided) return 'fine';
  return differenceOf(ours, theirs) ?? 'fine';
}

async function judgeOurs(acquirer: Acquirer, ours: BookedOperation): Promise<Finding> {
  const finding = await acquirer.ask(ours);
  if (finding.kind === 'done') return 'fine';
  return finding.kind === 'unknown' ? 'unknown' : differenceOf(ours, undefined)!;
}
