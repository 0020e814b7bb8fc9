import type { EventData } from '@holdfast/shared/contracts/events.ts';
import type { Transaction } from 'kysely';
import type { GatewayState } from '../domain/gateway-state.ts';
import type { TelemetryTables } from './tables.ts';

type Tx = Transaction<TelemetryTables>;

/** Whose event it is and when edge-link wrote it; microseconds since 1970. */
export interface Occasion {
  readonly tenant: string;
  readonly at: bigint;
}

export function gatewayConnected(
  tx: Tx,
  occasion: Occasion,
  data: EventData<'gateway.connected.v1'>,
): Promise<void> {
  const changes = { reason: null, software_version: data.softwareVersion };
  return change(tx, occasion, { ...placeOf(data), ...changes, state: 'connected' });
}

export function gatewayReported(
  tx: Tx,
  occasion: Occasion,
  data: EventData<'gateway.reported.v1'>,
): Promise<void> {
  return change(tx, occasion, {
    ...placeOf(data),
    state: 'connected',
    reason: null,
    buffer_bytes: BigInt(data.bufferBytes),
    connected_devices: BigInt(data.connectedDevices),
    lanes: JSON.stringify(data.lanes),
    reported_at: occasion.at,
  });
}

export function gatewayDisconnected(
  tx: Tx,
  occasion: Occasion,
  data: EventData<'gateway.disconnected.v1'>,
): Promise<void> {
  const changes = { state: 'disconnected', reason: data.reason } as const;
  return change(tx, occasion, { ...placeOf(data), ...changes, connected_devices: 0n });
}

export function gatewayFenced(
  tx: Tx,
  occasion: Occasion,
  data: EventData<'gateway.fenced.v1'>,
): Promise<void> {
  const changes = { state: 'fenced', reason: data.reason } as const;
  return change(tx, occasion, { ...placeOf(data), ...changes, connected_devices: 0n });
}

/** Once and for good; it may never have been heard of. */
export async function gatewayRevoked(
  tx: Tx,
  { tenant, at }: Occasion,
  { gatewayId }: EventData<'gateway.revoked.v1'>,
): Promise<void> {
  await tx
    .insertInto('revocations')
    .values({ tenant, gateway_id: gatewayId, revoked_at: at })
    .onConflict((conflict) => conflict.columns(['tenant', 'gateway_id']).doNothing())
    .execute();
}

interface Place {
  readonly gateway_id: string;
  readonly site: string;
  readonly incarnation: string;
}

function placeOf(data: { gatewayId: string; site: string; incarnation: string }): Place {
  return { gateway_id: data.gatewayId, site: data.site, incarnation: data.incarnation };
}

interface Changes extends Place {
  readonly state: GatewayState;
  readonly reason: string | null;
  readonly software_version?: string;
  readonly buffer_bytes?: bigint;
  readonly connected_devices?: bigint;
  readonly lanes?: string;
  readonly reported_at?: bigint;
}

/** What a gateway is before it says so. */
const UNSAID = {
  software_version: null,
  buffer_bytes: 0n,
  connected_devices: 0n,
  lanes: '[]',
  reported_at: null,
};

async function change(tx: Tx, { tenant, at }: Occasion, changes: Changes): Promise<void> {
  const { gateway_id: _, ...rest } = changes;
  await tx
    .insertInto('gateways')
    .values({ ...UNSAID, ...changes, tenant, last_seen: at })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'gateway_id']).doUpdateSet({ ...rest, last_seen: at }),
    )
    .execute();
}
