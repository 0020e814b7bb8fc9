import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Transaction } from 'kysely';
import { z } from 'zod';
import type { EventLog, LogSubscription } from '../../platform/event-log/event-log.ts';
import { createInbox, eventData, type InboxEvent } from '../../platform/outbox/inbox.ts';
import {
  gatewayConnected,
  gatewayDisconnected,
  gatewayFenced,
  gatewayReported,
  gatewayRevoked,
} from '../store/gateway-changes.ts';
import { park } from '../store/parked.ts';
import type { TelemetryTables } from '../store/tables.ts';

/** One for each topic: both count the sequence of a gateway. */
const CONSUMERS = {
  gateways: 'telemetry-gateways',
  'gateway.revocations': 'telemetry-revocations',
} as const;
const EVENTS_MAX = 64;

export interface GatewayConsumerDeps {
  readonly sql: Sql<TelemetryTables>;
  readonly log: EventLog;
  readonly runtime: Runtime;
}

/** Keeps the table of gateways by what edge-link says of them, and auth of those it revoked. */
export function consumeGateways(
  topic: keyof typeof CONSUMERS,
  deps: GatewayConsumerDeps,
): Promise<LogSubscription> {
  const { log, runtime } = deps;
  const consumer = CONSUMERS[topic];
  const inbox = createInbox<TelemetryTables>({
    ...deps,
    consumer,
    // The log of `gateways` keeps a week: who starts later begins with what there is.
    begin: 'kept',
    apply: (tx, event) => applyGatewayEvent(tx, event, runtime.clock.nowMicros()),
  });
  return log.subscribe({
    group: consumer,
    topics: [topic],
    batchMax: EVENTS_MAX,
    handle: (batch) => inbox.handle(batch),
    onError: (err, { partition }) => {
      runtime.log.warn({ err, partition }, 'gateway events were not applied; they come again');
    },
  });
}

/**
 * An event that is not what its type says is parked; one of a type of a later version is passed
 * over.
 */
export async function applyGatewayEvent(
  tx: Transaction<TelemetryTables>,
  event: InboxEvent,
  now: bigint,
): Promise<void> {
  try {
    await change(tx, event);
  } catch (error) {
    if (!(error instanceof z.ZodError || error instanceof SyntaxError)) throw error;
    const { topic, partition, offset, value: body } = event.event;
    const origin = { topic, partition, offset, body };
    const key = { tenant: event.envelope.tenant };
    const detail = error.message;
    await park(tx, [{ reason: 'unreadable', detail, origin, recordCount: 0, key }], now);
  }
}

async function change(tx: Transaction<TelemetryTables>, event: InboxEvent): Promise<void> {
  const { tenant, time, type } = event.envelope;
  const occasion = { tenant, at: BigInt(Date.parse(time)) * 1000n };
  switch (type) {
    case 'gateway.connected.v1':
      return gatewayConnected(tx, occasion, eventData(type, event));
    case 'gateway.reported.v1':
      return gatewayReported(tx, occasion, eventData(type, event));
    case 'gateway.disconnected.v1':
      return gatewayDisconnected(tx, occasion, eventData(type, event));
    case 'gateway.fenced.v1':
      return gatewayFenced(tx, occasion, eventData(type, event));
    case 'gateway.revoked.v1':
      return gatewayRevoked(tx, occasion, eventData(type, event));
  }
}
