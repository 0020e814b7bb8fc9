import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import { recordAudit } from '../../platform/outbox/record-audit.ts';
import type { AuditTables } from '../store/tables.ts';

export interface ReaderGateDeps {
  readonly sql: Sql<AuditTables>;
  readonly policy: Policy;
  readonly outbox: Outbox;
  /** The outbox has something to publish. */
  readonly onRecorded: () => void;
}

/** Throws FORBIDDEN unless the policy lets this person read; the denial is in the audit before. */
export type ReaderGate = (principal: Principal) => Promise<void>;

export function createReaderGate({ sql, policy, outbox, onRecorded }: ReaderGateDeps): ReaderGate {
  return async (principal) => {
    const { tenant, subject: actor } = principal;
    const action = 'audit.read';
    const decision = policy.decide(principal, { action, resource: { tenant } });
    if (decision.allowed) return;
    const reasons = [...decision.reasons];
    const entry = {
      action,
      outcome: 'denied' as const,
      actor,
      resource: { kind: 'audit', id: tenant },
      policyRevision: decision.revision,
      reasons,
    };
    await sql.transaction((tx) => recordAudit(tx, { outbox, tenant, entry }));
    onRecorded();
    throw new AppError('FORBIDDEN', reasons.join('; '));
  };
}
