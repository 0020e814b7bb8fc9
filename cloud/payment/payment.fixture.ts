import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Payment,
  PaymentState,
} from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { openPostgresSql } from '@holdfast/shared/platform/sql/sql.postgres.ts';
import { openSqliteSql } from '@holdfast/shared/platform/sql/sql.sqlite.ts';
import type { OpenSql, Sql, Technology } from '@holdfast/shared/platform/sql/sql.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { sql as raw } from 'kysely';
import { expect } from 'vitest';
import {
  openPaymentSandbox,
  type PaymentSandboxHandle,
} from '../payment-sandbox/payment-sandbox.module.ts';
import { paymentSandboxSettingsSchema } from '../payment-sandbox/settings.ts';
import { openSoapAcquirer } from '../platform/acquirer/acquirer.soap.ts';
import type { Acquirer } from '../platform/acquirer/acquirer.ts';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import { openPayment, type PaymentHandle } from './payment.module.ts';
import { PAYMENT_TABLES, type PaymentTables } from './store/tables.ts';

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

export const ACCOUNT = { username: 'holdfast', secretPassword: 'a password of tests' };
export const SCOPE = { tenant: 'dev', actor: 'usr_ada' };
export const TIMEOUT_MS = 1_200;
export const LEASE_MS = 2_000;
const SETTLED_WITHIN_MS = 20_000;

/** Where a test's tables are; another process finds them by it. */
export interface PaymentPlace {
  readonly technology: Technology;
  readonly dir: string;
  readonly schema: string;
  readonly acquirerUrl: string;
}

export function openerOf(place: Omit<PaymentPlace, 'acquirerUrl'>, rt: Runtime): OpenSql {
  if (place.technology === 'sqlite') return openSqliteSql({ dir: place.dir, rt });
  const open = openPostgresSql({ url: POSTGRES_URL!, rt, poolMax: 4 });
  return (service) => open({ ...service, service: `${place.schema}-${service.service}` });
}

export function acquirerOf(
  url: string,
  runtime: Runtime,
  options: { version?: '1.1' | '1.2'; timeoutMs?: number } = {},
): Promise<Acquirer> {
  return openSoapAcquirer({
    url: () => url,
    ...ACCOUNT,
    runtime,
    timeoutMs: TIMEOUT_MS,
    ...options,
  });
}

/** A payment service as one process runs it. */
export async function openPaymentAt(
  place: PaymentPlace,
  { runtime, log }: { readonly runtime: Runtime; readonly log: EventLog },
): Promise<PaymentHandle> {
  return openPayment({
    openSql: openerOf(place, runtime),
    log,
    acquirer: await acquirerOf(place.acquirerUrl, runtime),
    policy: {
      revision: 'test',
      decide: ({ roles }) => {
        const allowed = roles.includes('administrator');
        return { allowed, reasons: [allowed ? 'administrator' : 'not yours'], revision: 'test' };
      },
    },
    settings: { leaseMs: LEASE_MS },
    runtime,
    region: 'local',
  });
}

export interface ChargeSeen {
  readonly state: string;
  readonly authorised: number;
  readonly captured: number;
  readonly refunded: number;
  readonly operations: readonly {
    operationId: string;
    kind: string;
    outcome: string;
    deliveries: number;
  }[];
}

/** Payment, its acquirer and their tables, for one test. */
export class PaymentWorld {
  readonly dir = mkdtempSync(join(tmpdir(), 'holdfast-payment-'));
  readonly schema = `payment-${randomBytes(6).toString('hex')}`;
  readonly technology: Technology;
  readonly runtime: Runtime;
  log!: EventLog;
  sandbox!: PaymentSandboxHandle;
  tables!: Sql<PaymentTables>;
  readonly #services: PaymentHandle[] = [];

  private constructor(technology: Technology, runtime: Runtime) {
    this.technology = technology;
    this.runtime = runtime;
  }

  static async open(technology: Technology, runtime = testRuntime()): Promise<PaymentWorld> {
    const world = new PaymentWorld(technology, runtime);
    world.log = await openEmbeddedLog({ dir: join(world.dir, 'log'), runtime });
    const openSql = openerOf(world, runtime);
    const settings = paymentSandboxSettingsSchema.parse({ port: 0, lateMs: TIMEOUT_MS / 4 });
    world.sandbox = await openPaymentSandbox({ openSql, settings, account: ACCOUNT, runtime });
    await world.sandbox.module.start();
    world.tables = await openSql<PaymentTables>(PAYMENT_TABLES);
    return world;
  }

  get place(): PaymentPlace {
    const { technology, dir, schema } = this;
    return { technology, dir, schema, acquirerUrl: `${this.sandbox.url()}/soap` };
  }

  /** Starts the service, as a process of its own would. */
  async start(runtime: Runtime = testRuntime()): Promise<PaymentHandle> {
    const service = await openPaymentAt(this.place, { runtime, log: this.log });
    this.#services.push(service);
    await service.module.start();
    return service;
  }

  /** What the sandbox does at its next calls. */
  async tell(order: object): Promise<void> {
    const answer = await fetch(`${this.sandbox.url()}/sandbox/behaviour`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    });
    expect(answer.status).toBe(201);
  }

  /** The charge as the acquirer has it; undefined when it was never asked. */
  async charge(reference: string): Promise<ChargeSeen | undefined> {
    const answer = await fetch(`${this.sandbox.url()}/sandbox/charges/${reference}`);
    return answer.status === 404 ? undefined : ((await answer.json()) as ChargeSeen);
  }

  async doubleCharges(): Promise<string[]> {
    const answer = await fetch(`${this.sandbox.url()}/sandbox/double-charges`);
    return ((await answer.json()) as { orders: string[] }).orders;
  }

  /** Each currency over the whole table, each transaction by itself (I8). */
  async expectBalanced(): Promise<void> {
    const unbalanced = await this.tables.read((db) =>
      db
        .selectFrom('ledger_entries')
        .select(['transaction_id', 'currency'])
        .groupBy(['transaction_id', 'currency'])
        .having((eb) => eb.fn.sum<bigint>('minor_units'), '!=', 0n)
        .execute(),
    );
    expect(unbalanced).toEqual([]);
  }

  async account(name: string): Promise<bigint> {
    const rows = await this.tables.read((db) =>
      db.selectFrom('ledger_entries').select(['account', 'minor_units']).execute(),
    );
    const of = rows.filter(({ account }) => account === name);
    return of.reduce((sum, row) => sum + row.minor_units, 0n);
  }

  async dispose(): Promise<void> {
    for (const service of this.#services) await service.module.stop();
    await this.tables.close();
    await this.sandbox.module.stop();
    await this.log.close();
    if (this.technology === 'postgres') await this.#dropSchemas();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #dropSchemas(): Promise<void> {
    const open = openPostgresSql({ url: POSTGRES_URL!, rt: this.runtime, poolMax: 1 });
    const service = `${this.schema}-drop`;
    const cleaner = await open({ service, migrations: [] });
    const names = ['payment', 'payment-sandbox', 'drop'].map((name) => `${this.schema}-${name}`);
    for (const schema of names) {
      await cleaner.transaction((tx) =>
        raw`drop schema if exists ${raw.id(schema)} cascade`.execute(tx),
      );
    }
    await cleaner.close();
  }
}

export function newKey(): string {
  return `pay_${randomBytes(8).toString('hex')}`;
}

/** The calls of one service, with what every test takes as given. */
export function callsOn(service: PaymentHandle, scope = SCOPE) {
  const { handlers } = service.peers[0];
  const call = { caller: 'order', scope, signal: new AbortController().signal };
  const amountOf = (minorUnits: number) => ({ currency: 'EUR', minorUnits: BigInt(minorUnits) });
  const paymentOf = async (reply: Promise<{ payment: Payment | undefined }>) =>
    (await reply).payment!;
  return {
    authorise: (paymentKey: string, { minorUnits = 1_000, token = 'tok_visa' } = {}) =>
      paymentOf(
        handlers.authorise(
          {
            paymentKey,
            orderId: `ord_${paymentKey}`,
            amount: amountOf(minorUnits),
            methodToken: token,
          },
          call,
        ),
      ),
    capture: (paymentKey: string) => paymentOf(handlers.capture({ paymentKey }, call)),
    void: (paymentKey: string) => paymentOf(handlers.void({ paymentKey, reason: '' }, call)),
    refund: (paymentKey: string, refundId: string, minorUnits: number) =>
      paymentOf(
        handlers.refund({ paymentKey, refundId, amount: amountOf(minorUnits), reason: '' }, call),
      ),
    get: (paymentKey: string) => paymentOf(handlers.getPayment({ paymentKey }, call)),
    /** Waits until the acquirer's word is known. */
    async settled(paymentKey: string): Promise<Payment> {
      // Not `expect.poll`: a process of its own asks this, too.
      const endMs = systemClock.monotonicMs() + SETTLED_WITHIN_MS;
      while ((await this.get(paymentKey)).state === PaymentState.PAYMENT_STATE_PENDING) {
        if (systemClock.monotonicMs() > endMs) throw new Error(`${paymentKey} stays pending`);
        await systemClock.sleep(20);
      }
      return this.get(paymentKey);
    },
  };
}
