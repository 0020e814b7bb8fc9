import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogSubscription } from '../../platform/event-log/event-log.ts';
import { createInbox } from '../../platform/outbox/inbox.ts';
import { storeRevoked } from '../store/revocations.ts';
import type { EdgeLinkTables } from '../store/tables.ts';

const CONSUMER = 'edge-link-revocations';
const TOPIC = 'gateway.revocations';
const EVENTS_MAX = 64;

export interface RevocationsDeps {
  readonly sql: Sql<EdgeLinkTables>;
  readonly log: EventLog;
  readonly runtime: Runtime;
  /** After revocations were stored. */
  readonly onStored: () => Promise<void>;
}

/** Keeps the gateways that `auth` revoked: a certificate says nothing of that. */
export function consumeRevocations(deps: RevocationsDeps): Promise<LogSubscription> {
  const { sql, log, runtime, onStored } = deps;
  const inbox = createInbox<EdgeLinkTables>({
    ...{ sql, log, runtime },
    consumer: CONSUMER,
    begin: 'kept',
    async apply(tx, { envelope: { type, subject: gatewayId, time } }) {
      if (type !== 'gateway.revoked.v1') return;
      await storeRevoked(tx, { gatewayId, at: BigInt(Date.parse(time)) * 1000n });
    },
  });
  return log.subscribe({
    group: CONSUMER,
    topics: [TOPIC],
    batchMax: EVENTS_MAX,
    async handle(batch) {
      await inbox.handle(batch);
      await onStored();
    },
    onError: (err) => runtime.log.warn({ err }, 'revocations were not read; they come again'),
  });
}
