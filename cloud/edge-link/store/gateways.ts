import type { EventData, LaneLedger } from '@holdfast/shared/contracts/events.ts';
import type { GatewayName } from '@holdfast/shared/contracts/gateway-identity.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Transaction } from 'kysely';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import type { FenceReason } from '../domain/fencing.ts';
import { incarnationsOf, storeReported } from './incarnations.ts';
import type { EdgeLinkTables, GatewayState } from './tables.ts';

type Tx = Transaction<EdgeLinkTables>;

/** One stream of one gateway, as the rows know it. */
export interface StreamIdentity {
  readonly streamId: string;
  readonly peer: GatewayName;
  readonly incarnation: string;
}

/** When a row is written, and where the event goes that is written with it. */
export interface Occasion {
  readonly nowMicros: bigint;
  readonly outbox: Outbox;
}

/** Whether the stream still speaks for its gateway. */
export type Standing = 'current' | 'replaced' | FenceReason;

export interface Report {
  readonly bufferBytes: bigint;
  readonly connectedDevices: number;
  readonly lanes: readonly LaneLedger[];
}

/** How many Welcomes the gateway ever got. */
export async function welcomesOf(db: Reader<EdgeLinkTables>, gatewayId: string): Promise<bigint> {
  return (await gatewayRow(db, gatewayId))?.welcomes ?? 0n;
}

export async function storeConnected(
  tx: Tx,
  stream: StreamIdentity,
  options: Occasion & { readonly softwareVersion: string },
): Promise<void> {
  await storeState(tx, stream, { ...options, state: 'connected' });
  const welcomes = (await welcomesOf(tx, stream.peer.gatewayId)) + 1n;
  await tx
    .updateTable('gateways')
    .set({ welcomes })
    .where('gateway_id', '=', stream.peer.gatewayId)
    .execute();
  await options.outbox.enqueue(tx, {
    ...aggregateOf(stream),
    type: 'gateway.connected.v1',
    data: { ...identityData(stream), softwareVersion: options.softwareVersion },
  });
}

export async function storeFenced(
  tx: Tx,
  stream: StreamIdentity,
  options: Occasion & { readonly reason: FenceReason },
): Promise<void> {
  await storeState(tx, stream, { ...options, state: 'fenced' });
  await options.outbox.enqueue(tx, {
    ...aggregateOf(stream),
    type: 'gateway.fenced.v1',
    data: { ...identityData(stream), reason: options.reason },
  });
}

/** Stores a report and its event, unless the stream no longer speaks for its gateway. */
export async function storeReport(
  tx: Tx,
  stream: StreamIdentity,
  options: Occasion & { readonly report: Report },
): Promise<Standing> {
  const standing = await standingOf(tx, stream);
  if (standing !== 'current') return standing;
  await raiseReported(tx, stream, options.report.lanes);
  await storeState(tx, stream, { ...options, state: 'connected' });
  const { bufferBytes, connectedDevices, lanes } = options.report;
  await options.outbox.enqueue(tx, {
    ...aggregateOf(stream),
    type: 'gateway.reported.v1',
    data: {
      ...identityData(stream),
      bufferBytes: Number(bufferBytes),
      connectedDevices,
      lanes: [...lanes],
    },
  });
  return 'current';
}

export async function storeDisconnected(
  tx: Tx,
  stream: StreamIdentity,
  options: Occasion & { readonly reason: EventData<'gateway.disconnected.v1'>['reason'] },
): Promise<void> {
  const row = await gatewayRow(tx, stream.peer.gatewayId);
  if (row?.stream_id !== stream.streamId || row.state !== 'connected') return;
  await storeState(tx, stream, { ...options, state: 'disconnected' });
  await options.outbox.enqueue(tx, {
    ...aggregateOf(stream),
    type: 'gateway.disconnected.v1',
    data: { ...identityData(stream), reason: options.reason },
  });
}

/**
 * Marks gateways as lost that were silent since `silentSince`: their process died before it could
 * say so.
 */
export async function storeLost(
  tx: Tx,
  options: Occasion & { readonly silentSince: bigint },
): Promise<number> {
  const rows = await tx
    .selectFrom('gateways')
    .selectAll()
    .where('state', '=', 'connected')
    .where('seen_at', '<', options.silentSince)
    .orderBy('gateway_id')
    .execute();
  for (const row of rows) {
    const peer = { gatewayId: row.gateway_id, tenant: row.tenant, site: row.site };
    const stream = { streamId: row.stream_id, peer, incarnation: row.incarnation };
    await storeDisconnected(tx, stream, { ...options, reason: 'lost' });
  }
  return rows.length;
}

export async function standingOf(tx: Tx, stream: StreamIdentity): Promise<Standing> {
  const row = await gatewayRow(tx, stream.peer.gatewayId);
  const known = (await incarnationsOf(tx, stream.peer.gatewayId)).get(stream.incarnation);
  if (known?.fenced) return known.fenced;
  return row?.stream_id === stream.streamId ? 'current' : 'replaced';
}

async function raiseReported(
  tx: Tx,
  { peer, incarnation }: StreamIdentity,
  lanes: readonly LaneLedger[],
): Promise<void> {
  const known = (await incarnationsOf(tx, peer.gatewayId)).get(incarnation);
  const counts = new Map<Lane, bigint>(known?.reportedDelivered);
  let raised = false;
  for (const { lane, delivered } of lanes) {
    if (BigInt(delivered) <= (counts.get(lane) ?? 0n)) continue;
    counts.set(lane, BigInt(delivered));
    raised = true;
  }
  if (raised) await storeReported(tx, { gatewayId: peer.gatewayId, incarnation }, counts);
}

async function storeState(
  tx: Tx,
  stream: StreamIdentity,
  options: { readonly state: GatewayState; readonly nowMicros: bigint },
): Promise<void> {
  const { gatewayId, tenant, site } = stream.peer;
  const columns = {
    tenant,
    site,
    incarnation: stream.incarnation,
    state: options.state,
    stream_id: stream.streamId,
    seen_at: options.nowMicros,
  };
  await tx
    .insertInto('gateways')
    .values({ gateway_id: gatewayId, welcomes: 0n, ...columns })
    .onConflict((oc) => oc.column('gateway_id').doUpdateSet(columns))
    .execute();
}

/** The aggregate of a gateway's events. */
function aggregateOf({ peer }: StreamIdentity) {
  return { subject: peer.gatewayId, tenant: peer.tenant };
}

function gatewayRow(db: Reader<EdgeLinkTables>, gatewayId: string) {
  return db
    .selectFrom('gateways')
    .selectAll()
    .where('gateway_id', '=', gatewayId)
    .executeTakeFirst();
}

function identityData({ peer, incarnation }: StreamIdentity) {
  return { gatewayId: peer.gatewayId, site: peer.site, incarnation };
}
