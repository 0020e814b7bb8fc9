import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Acquirer, AcquirerOperation } from '../platform/acquirer/acquirer.ts';
import { DATABASES, PaymentWorld } from './payment.fixture.ts';
import {
  ASKED_MAX,
  createReconciliation,
  DIFFERENCES_MAX,
  REPORT_MS_MAX,
} from './reconciliation.ts';
import { BOOKS_PAGE_ROWS } from './store/books.ts';
import type { PaymentTables } from './store/tables.ts';

const TENANT = 'acme';
const DAY = '2026-03-05';
const MIDNIGHT = BigInt(Date.parse(`${DAY}T00:00:00Z`)) * 1000n;
const DAY_MICROS = 86_400_000_000n;
const AMOUNT = 250n;
/** More than one page of the books, and of the acquirer's list. */
const COUNT = BOOKS_PAGE_ROWS * 2 + 7;
const LISTED_PAGE = 700;

const keyOf = (index: number): string => `pay_${String(index).padStart(6, '0')}`;

/** Operations that our books have, all authorised, a few in the same microsecond. */
async function book(
  tables: Sql<PaymentTables>,
  keys: readonly string[],
  { tenant = TENANT, at = MIDNIGHT, state = 'done' as 'done' | 'pending' } = {},
): Promise<void> {
  const none = { actor: 'usr_ada', created_at: at };
  for (let from = 0; from < keys.length; from += 500) {
    const part = keys.slice(from, from + 500);
    await tables.transaction(async (tx) => {
      await tx
        .insertInto('payments')
        .values(
          part.map((key) => ({
            ...none,
            ...{
              payment_key: key,
              tenant,
              order_id: `ord_${key}`,
              token: 'tok_a',
              currency: 'EUR',
            },
            ...{ minor_units: AMOUNT, state: 'authorised' as const, decline_code: '' },
            ...{ refund_reserved: 0n, refunded: 0n },
          })),
        )
        .execute();
      await tx
        .insertInto('operations')
        .values(
          part.map((key, index) => ({
            ...none,
            ...{ payment_key: key, operation_id: 'authorise', kind: 'authorise' as const, state },
            ...{ minor_units: AMOUNT, code: '', next_call: 'query' as const },
            ...{ sends: 1n, queries: 0n, due_at: 0n },
            ended_at: at + BigInt(Math.floor((from + index) / 3)),
          })),
        )
        .execute();
      await tx
        .insertInto('ledger_entries')
        .values(
          part.flatMap((key) =>
            (['authorised_holds', 'customer_commitments'] as const).map((account) => ({
              ...{ transaction_id: `${key}/authorise`, account, payment_key: key, tenant, at },
              ...{
                currency: 'EUR',
                minor_units: account === 'authorised_holds' ? AMOUNT : -AMOUNT,
              },
            })),
          ),
        )
        .execute();
    });
  }
}

interface Listed {
  readonly operations: AcquirerOperation[];
  /** Known to it when it is asked, on whatever day. */
  readonly known: Set<string>;
  asked: number;
}

/** An acquirer that lists what it was given. */
function acquirerWith(listed: Listed, { repeats = false } = {}): Acquirer {
  return {
    async send() {
      throw new Error('a report sends nothing');
    },
    async ask({ reference }) {
      listed.asked += 1;
      return listed.known.has(reference) ? { kind: 'done' } : { kind: 'absent' };
    },
    async listDay(_day, after) {
      const from = repeats ? 0 : Number(after ?? 0);
      const to = from + LISTED_PAGE;
      const next = to < listed.operations.length ? String(to) : undefined;
      return { kind: 'page', operations: listed.operations.slice(from, to), next };
    },
    async close() {},
  };
}

const listing = (keys: readonly string[]): Listed => ({
  operations: keys.map((reference) => ({
    ...{ reference, operationId: 'authorise', kind: 'authorise' },
    ...{ currency: 'EUR', minorUnits: AMOUNT },
  })),
  known: new Set(keys),
  asked: 0,
});

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`a reconciliation report ${title}`, { timeout: 60_000 }, () => {
    const keys = Array.from({ length: COUNT }, (_, index) => keyOf(index));
    let world: PaymentWorld;
    beforeEach(async () => {
      world = await PaymentWorld.open(technology);
    });
    afterEach(() => world.dispose());
    const report = (acquirer: Acquirer, runtime = testRuntime()) =>
      createReconciliation({ sql: world.tables, acquirer, clock: runtime.clock })({
        tenant: TENANT,
        day: DAY,
      });

    it('is complete for a day of several pages, and asks about nothing both have', async () => {
      await book(world.tables, keys);
      // Neither theirs of another tenant nor ours of another day belongs to it.
      await book(world.tables, ['pay_other'], { tenant: 'other' });
      await book(world.tables, ['pay_next_day'], { at: MIDNIGHT + DAY_MICROS });
      const listed = listing([...keys, 'pay_other'].sort());
      expect(await report(acquirerWith(listed))).toEqual({
        day: DAY,
        isComplete: true,
        ledger: [
          { currency: 'EUR', account: 'authorised_holds', minorUnits: AMOUNT * BigInt(COUNT + 1) },
          {
            currency: 'EUR',
            account: 'customer_commitments',
            minorUnits: -AMOUNT * BigInt(COUNT + 1),
          },
        ],
        bookedCount: COUNT,
        acquirerCount: COUNT + 1,
        differences: [],
        unattributedCount: 0,
      });
      expect(listed.asked).toBe(0);
    });

    it('finds each difference at the edge of a page', async () => {
      const edges = [0, LISTED_PAGE - 1, LISTED_PAGE, BOOKS_PAGE_ROWS - 1, BOOKS_PAGE_ROWS];
      const missing = [...edges, COUNT - 1].map(keyOf);
      await book(
        world.tables,
        keys.filter((key) => key !== keyOf(5) && key !== keyOf(6)),
      );
      await book(world.tables, [keyOf(6)], { state: 'pending' });
      const listed = listing(keys.filter((key) => !missing.includes(key)));
      for (const key of missing) listed.known.delete(key);
      const dearer = { ...listed.operations[9]!, minorUnits: AMOUNT + 1n };
      listed.operations[9] = dearer;
      // Done by the acquirer on the day before, by its clock.
      await book(world.tables, ['pay_midnight']);
      listed.known.add('pay_midnight');
      const { differences, ...rest } = await report(acquirerWith(listed));
      expect(rest).toMatchObject({
        isComplete: true,
        bookedCount: COUNT - 1,
        acquirerCount: COUNT - missing.length,
        unattributedCount: 1,
      });
      const found = differences.map(({ paymentKey, kind }) => `${kind} ${paymentKey}`);
      expect(found.sort()).toEqual(
        [
          ...missing.map((key) => `missing_at_acquirer ${key}`),
          `missing_in_books ${keyOf(6)}`,
          `amount_differs ${dearer.reference}`,
        ].sort(),
      );
    });

    it('says that it is incomplete when it met a limit', async () => {
      await book(world.tables, keys);
      // Each has to be asked for, and the acquirer knows none.
      const nothing = await report(acquirerWith(listing([])));
      expect(nothing.isComplete).toBe(false);
      expect([nothing.differences.length, nothing.bookedCount]).toEqual([ASKED_MAX, COUNT]);

      const dearer = listing(keys.slice(0, DIFFERENCES_MAX + 1));
      dearer.operations.forEach((each, index, all) => {
        all[index] = { ...each, minorUnits: 1n };
      });
      for (const key of keys) dearer.known.add(key);
      const many = await report(acquirerWith(dearer));
      expect(many.isComplete).toBe(false);
      expect(many.differences).toHaveLength(DIFFERENCES_MAX);

      const again = await report(acquirerWith(listing(keys), { repeats: true }));
      expect(again.isComplete).toBe(false);
    });

    it('ends in time with an acquirer that is slow', async () => {
      await book(world.tables, keys);
      const runtime = testRuntime();
      let nowMs = 0;
      const clock = { ...runtime.clock, monotonicMs: () => nowMs };
      const acquirer = acquirerWith(listing(keys));
      const slow: Acquirer = {
        ...acquirer,
        listDay(day, after) {
          nowMs += REPORT_MS_MAX / 2;
          return acquirer.listDay(day, after);
        },
      };
      const { isComplete, acquirerCount } = await report(slow, { ...runtime, clock });
      expect([isComplete, acquirerCount]).toEqual([false, 2 * LISTED_PAGE]);
    });
  });
}
