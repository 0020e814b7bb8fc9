import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { OpenSql, OpenSqlOptions } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogSubscription } from '../platform/event-log/event-log.ts';
import type { Api } from '../platform/http/api.ts';
import { createOutbox } from '../platform/outbox/outbox.ts';
import { createRelay } from '../platform/outbox/relay.ts';
import type { PeerService } from '../platform/peer/peer.ts';
import type { ServiceHandle } from '../service.ts';
import { consumeEntries } from './events/entry-consumer.ts';
import { createHeadKeeper } from './head-keeper.ts';
import { auditPeers } from './routes/audit-peers.ts';
import { addEntryRoutes } from './routes/entries.ts';
import { createReaderGate } from './routes/reader.ts';
import { addVerificationRoute } from './routes/verification.ts';
import { AUDIT_MIGRATIONS } from './store/migrations.ts';
import type { AuditTables } from './store/tables.ts';

export interface AuditDeps {
  readonly sql: OpenSql;
  readonly log: EventLog;
  readonly policy: Policy;
  readonly region: string;
  readonly runtime: Runtime;
}

export interface AuditHandle extends ServiceHandle {
  readonly routes: (api: Api) => void;
  readonly peers: readonly PeerService[];
}

/** Its tables. */
export const AUDIT_TABLES: OpenSqlOptions = { service: 'audit', migrations: AUDIT_MIGRATIONS };

/** The target `audit`: chains what services recorded, shows it and verifies it. */
export async function openAudit(deps: AuditDeps): Promise<AuditHandle> {
  const { log, policy, region, runtime } = deps;
  const sql = await deps.sql<AuditTables>(AUDIT_TABLES);
  const outbox = createOutbox({ source: 'audit', region, runtime });
  const relay = createRelay({ service: 'audit', sql, log, runtime });
  const heads = createHeadKeeper({ sql, runtime });
  const admit = createReaderGate({ sql, policy, outbox, onRecorded: () => relay.nudge() });
  let subscription: LogSubscription | undefined;
  return {
    module: {
      name: 'audit',
      needs: [],
      async start() {
        await relay.start();
        subscription = await consumeEntries({ sql, log, runtime });
        heads.start();
      },
      async stop() {
        await subscription?.stop();
        await heads.stop();
        await relay.stop();
        await sql.close();
      },
      degraded: () => relay.degraded?.() ?? heads.failure(),
    },
    routes(api) {
      addEntryRoutes(api, { sql, admit });
      addVerificationRoute(api, { sql, admit });
    },
    peers: [auditPeers(sql) as PeerService],
  };
}
