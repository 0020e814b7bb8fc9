import { PaymentServiceService } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { OpenSql, Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Acquirer } from '../platform/acquirer/acquirer.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import { createOutbox, type Outbox } from '../platform/outbox/outbox.ts';
import { recordAudit } from '../platform/outbox/record-audit.ts';
import { createRelay, type Relay } from '../platform/outbox/relay.ts';
import type { PeerService } from '../platform/peer/peer.ts';
import type { ServiceHandle } from '../service.ts';
import { sums } from './domain/ledger.ts';
import { createPayments } from './payments.ts';
import {
  createReconciliation,
  REPORT_ANSWER_MS_MAX,
  type ReconciliationReport,
} from './reconciliation.ts';
import { createResolver } from './resolver.ts';
import { addPaymentRoutes, type Denial, type PaymentRoutes } from './routes/payments.ts';
import { paymentHandlers } from './routes/rpc.ts';
import type { PaymentSettings } from './settings.ts';
import { PAYMENT_TABLES, type PaymentTables } from './store/tables.ts';

/** Its tables. */
export { PAYMENT_TABLES };

export interface PaymentDeps {
  readonly openSql: OpenSql;
  readonly log: EventLog;
  readonly acquirer: Acquirer;
  readonly policy: Policy;
  readonly settings: Pick<PaymentSettings, 'leaseMs'>;
  readonly runtime: Runtime;
  readonly region: string;
}

export interface PaymentHandle extends ServiceHandle {
  readonly peers: readonly [PeerService<typeof PaymentServiceService>];
}

/** The target `payment`: speaks to the acquirer, and keeps the books. */
export async function openPayment(deps: PaymentDeps): Promise<PaymentHandle> {
  const { log, acquirer, runtime, region } = deps;
  const { leaseMs } = deps.settings;
  const sql = await deps.openSql<PaymentTables>(PAYMENT_TABLES);
  const outbox = createOutbox({ source: 'payment', region, runtime });
  const relay = createRelay({ service: 'payment', sql, log, runtime });
  const committed = (): void => relay.nudge();
  const payments = createPayments({ sql, acquirer, outbox, runtime, leaseMs, committed });
  const resolver = createResolver({ sql, payments, runtime, leaseMs });
  const reconcile = createReconciliation({ sql, acquirer, clock: runtime.clock });
  const routes: PaymentRoutes = {
    policy: deps.policy,
    find: payments.find,
    reconcile: async (of) => jsonOf(await reconcile(of)),
    reportMsMax: REPORT_ANSWER_MS_MAX,
    audit: (denial) => auditDenial({ sql, outbox, relay }, denial),
  };
  return {
    peers: [
      {
        definition: PaymentServiceService,
        handlers: paymentHandlers(payments),
        callers: ['order'],
      },
    ],
    routes: (api) => addPaymentRoutes(api, routes),
    module: {
      name: 'payment',
      needs: [],
      async start() {
        await relay.start();
        resolver.start();
      },
      async stop() {
        await resolver.stop();
        await relay.stop();
        await acquirer.close();
        await sql.close();
      },
      degraded: () => resolver.trouble() ?? relay.degraded?.(),
    },
  };
}

function jsonOf(report: ReconciliationReport): Awaited<ReturnType<PaymentRoutes['reconcile']>> {
  const { ledger, differences, ...rest } = report;
  return {
    ...rest,
    isBalanced: [...sums(ledger).values()].every((sum) => sum === 0n),
    ledger: ledger.map((row) => ({ ...row, minorUnits: Number(row.minorUnits) })),
    differences: differences.map((each) => ({
      ...each,
      bookedMinorUnits: Number(each.bookedMinorUnits),
      acquirerMinorUnits: Number(each.acquirerMinorUnits),
    })),
  };
}

async function auditDenial(
  { sql, outbox, relay }: { sql: Sql<PaymentTables>; outbox: Outbox; relay: Relay },
  { principal, paymentKey, reasons, revision }: Denial,
): Promise<void> {
  await sql.transaction((tx) =>
    recordAudit(tx, {
      outbox,
      tenant: principal.tenant,
      entry: {
        action: 'payment.read',
        outcome: 'denied',
        actor: principal.subject,
        resource: { kind: 'payment', id: paymentKey },
        policyRevision: revision,
        reasons: [...reasons],
      },
    }),
  );
  relay.nudge();
}
