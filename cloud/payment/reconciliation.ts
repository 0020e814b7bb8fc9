import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import { BulkheadRejectedError, bulkhead } from 'cockatiel';
import type { Acquirer, AcquirerOperation } from '../platform/acquirer/acquirer.ts';
import { type Difference, differenceOf, operationName } from './domain/reconciliation.ts';
import {
  type AccountSum,
  type BookedOperation,
  type BookedPayment,
  bookedPayments,
  type DonePlace,
  doneOperations,
  ledgerSums,
} from './store/books.ts';
import type { PaymentTables } from './store/tables.ts';

/** Operations of the acquirer's day; a day that has more is reported as incomplete. */
export const OPERATIONS_MAX = 250_000;
/** The acquirer is asked about so many single operations; then the report is incomplete. */
export const ASKED_MAX = 100;
/** Shown one by one; then the report is incomplete. */
export const DIFFERENCES_MAX = 1_000;
/** From being asked for, its wait included; what was found by then is reported, as incomplete. */
export const REPORT_MS_MAX = 50_000;
/** The sums of the ledger come after it. */
export const REPORT_ANSWER_MS_MAX = 60_000;
const DAY_MICROS = 86_400_000_000n;

export interface ReconciliationReport {
  readonly day: string;
  /** False when a limit was met or the acquirer did not answer. */
  readonly isComplete: boolean;
  /** Of the whole ledger, per currency; each is zero when the books balance (I8). */
  readonly ledger: readonly AccountSum[];
  readonly bookedCount: number;
  readonly acquirerCount: number;
  readonly differences: readonly Difference[];
  /** Charges at the acquirer under references that no payment has. */
  readonly unattributedCount: number;
}

/** Reports that this process makes at once, and how many more wait; beyond them UNAVAILABLE. */
const REPORTS_AT_ONCE_MAX = 1;
const REPORTS_WAITING_MAX = 8;
const RETRY_MS = 10_000;

export type Reconcile = (of: {
  readonly tenant: string;
  readonly day: string;
}) => Promise<ReconciliationReport>;

export interface ReconciliationDeps {
  readonly sql: Sql<PaymentTables>;
  readonly acquirer: Acquirer;
  readonly clock: Clock;
}

export function createReconciliation(deps: ReconciliationDeps): Reconcile {
  const gate = bulkhead(REPORTS_AT_ONCE_MAX, REPORTS_WAITING_MAX);
  return (of) => {
    const endMs = deps.clock.monotonicMs() + REPORT_MS_MAX;
    return gate.execute(() => reconcile(deps, of, endMs)).catch(refuseMany);
  };
}

function refuseMany(cause: unknown): never {
  if (!(cause instanceof BulkheadRejectedError)) throw cause;
  const message = `${REPORTS_WAITING_MAX} reconciliation reports wait already`;
  throw new AppError('UNAVAILABLE', message, { cause, retryAfterMs: RETRY_MS });
}

/**
 * Our books of a day (UTC) against the acquirer's list of it, for one tenant. Both are read in
 * pages, so that a day of any size holds nobody up.
 */
async function reconcile(
  deps: ReconciliationDeps,
  { tenant, day }: Parameters<Reconcile>[0],
  endMs: number,
): Promise<ReconciliationReport> {
  const findings = new Findings(deps.clock, endMs);
  const listed = await judgeListed(deps, { tenant, day, findings });
  const bookedCount = await judgeBooked(deps, { tenant, day, findings, listed });
  const ledger = await ledgerSums(deps.sql, tenant);
  const { isComplete, differences, unattributedCount } = findings;
  const acquirerCount = listed.size;
  return { day, isComplete, ledger, bookedCount, acquirerCount, differences, unattributedCount };
}

type Finding = Difference | 'fine' | 'unattributed' | 'unknown';

/** What the report will say, within its limits. */
class Findings {
  readonly #clock: Clock;
  readonly #endMs: number;
  readonly differences: Difference[] = [];
  unattributedCount = 0;
  isComplete = true;

  constructor(clock: Clock, endMs: number) {
    this.#clock = clock;
    this.#endMs = endMs;
  }

  /** Whether there is time for more; without it the report stays incomplete. */
  mayGoOn(): boolean {
    const isInTime = this.#clock.monotonicMs() < this.#endMs;
    if (!isInTime) this.isComplete = false;
    return isInTime;
  }

  add(finding: Finding): void {
    if (finding === 'fine') return;
    if (finding === 'unattributed') this.unattributedCount += 1;
    else if (finding === 'unknown' || this.differences.length >= DIFFERENCES_MAX) {
      this.isComplete = false;
    } else this.differences.push(finding);
  }
}

interface Judging {
  readonly tenant: string;
  readonly day: string;
  readonly findings: Findings;
}

/** Each operation of the acquirer's day against our books; the names of them all. */
async function judgeListed(
  { sql, acquirer }: ReconciliationDeps,
  { tenant, day, findings }: Judging,
): Promise<ReadonlySet<string>> {
  const listed = new Set<string>();
  let after: string | undefined;
  while (findings.mayGoOn()) {
    const page = await acquirer.listDay(day, after);
    if (page.kind === 'unknown') break;
    const { operations, next } = page;
    const books = await booksOf(sql, operations);
    for (const operation of operations) {
      listed.add(operationName(operation));
      findings.add(judgeTheirs(books.get(operation.reference), tenant, operation));
    }
    if (next === undefined) return listed;
    // An acquirer that shows the same page for ever is not followed.
    if (next === after || listed.size >= OPERATIONS_MAX) break;
    after = next;
  }
  findings.isComplete = false;
  return listed;
}

async function booksOf(
  sql: Sql<PaymentTables>,
  operations: readonly AcquirerOperation[],
): Promise<ReadonlyMap<string, BookedPayment>> {
  const references = [...new Set(operations.map(({ reference }) => reference))];
  return references.length > 0 ? bookedPayments(sql, references) : new Map();
}

/** Each operation of our day that the acquirer did not list; how many we have in all. */
async function judgeBooked(
  { sql, acquirer }: ReconciliationDeps,
  { tenant, day, findings, listed }: Judging & { readonly listed: ReadonlySet<string> },
): Promise<number> {
  const from = BigInt(Date.parse(`${day}T00:00:00Z`)) * 1000n;
  let [count, asked] = [0, 0];
  let after: DonePlace | undefined;
  while (findings.mayGoOn()) {
    const page = await doneOperations(sql, { tenant, from, to: from + DAY_MICROS }, after);
    count += page.operations.length;
    for (const operation of page.operations) {
      if (listed.has(operationName(operation))) continue;
      asked += 1;
      findings.add(asked > ASKED_MAX ? 'unknown' : await judgeOurs(acquirer, operation));
    }
    after = page.next;
    if (!after) break;
  }
  return count;
}

/** The acquirer did it that day; our clock may have put it on the next. */
function judgeTheirs(
  payment: BookedPayment | undefined,
  tenant: string,
  theirs: AcquirerOperation,
): Finding {
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
