import type { AuditEntry } from '@holdfast/shared/contracts/events/audit.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { sitesOf } from '@holdfast/shared/runtime/access-token.ts';
import type { Transaction } from 'kysely';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import { recordAudit } from '../../platform/outbox/record-audit.ts';
import type { AuthTables } from '../store/tables.ts';

export interface AdministrationOptions {
  readonly sql: Sql<AuthTables>;
  readonly outbox: Outbox;
  /** After a commit that wrote to the outbox. */
  readonly onRecorded: () => void;
}

export interface Deed {
  readonly action: string;
  readonly resource: AuditEntry['resource'];
}

/** Who may change rights, and the audit rows of what was done and of what was denied (I10). */
export class Administration {
  readonly #options: AdministrationOptions;

  constructor(options: AdministrationOptions) {
    this.#options = options;
  }

  /**
   * Rights are the tenant's: whoever gives them is an administrator of all its sites. Throws
   * FORBIDDEN after it has audited the denial.
   */
  async authorise(principal: Principal, deed: Deed): Promise<void> {
    if (principal.roles.includes('administrator') && sitesOf(principal) === 'all') return;
    const reason = 'this needs the role administrator over all sites';
    await this.#options.sql.transaction((tx) =>
      this.#record(tx, principal, { ...deed, outcome: 'denied', reasons: [reason] }),
    );
    this.#options.onRecorded();
    throw new AppError('FORBIDDEN', reason);
  }

  /** The work and its audit row, in one transaction. */
  async perform<T>(
    principal: Pick<Principal, 'tenant' | 'subject'>,
    work: (
      tx: Transaction<AuthTables>,
      done: (deed: Deed, detail: NonNullable<AuditEntry['detail']>) => Promise<void>,
    ) => Promise<T>,
  ): Promise<T> {
    const result = await this.#options.sql.transaction((tx) =>
      work(tx, (deed, detail) => this.#record(tx, principal, { ...deed, outcome: 'done', detail })),
    );
    this.#options.onRecorded();
    return result;
  }

  #record(
    tx: Transaction<AuthTables>,
    { tenant, subject: actor }: Pick<Principal, 'tenant' | 'subject'>,
    entry: Omit<AuditEntry, 'actor'>,
  ): Promise<void> {
    const { outbox } = this.#options;
    return recordAudit(tx, { outbox, tenant, entry: { ...entry, actor } });
  }
}
