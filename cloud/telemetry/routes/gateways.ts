import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import { highest, sizeOf } from '@holdfast/shared/domain/ranges.ts';
import { rfc3339 } from '@holdfast/shared/domain/reading-time.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { cursorParameter, limitParameter, pageOf, pageReply } from '../../platform/http/page.ts';
import { lagOf, seenState } from '../domain/gateway-state.ts';
import {
  type GatewayRow,
  type HeldStream,
  heldBy,
  listGateways,
  type ParkedCount,
  parkedOf,
} from '../store/gateways.ts';
import { gatewayPage } from './answers.ts';
import type { RouteDeps } from './devices.ts';
import { nameParameter, STAFF, scopeOf } from './query.ts';

const query = z.strictObject({
  limit: limitParameter(),
  cursor: cursorParameter(z.tuple([z.string()])),
  site: nameParameter.optional(),
});

const GATEWAYS = {
  method: 'get',
  path: '/v1/gateways',
  tag: 'telemetry',
  summary: "Gateways, with both sides' ledger per lane",
  caller: STAFF,
  query,
  list: true,
  answers: { 200: { description: 'A page of gateways.', body: gatewayPage } },
} as const;

export function gatewayRoutes(api: Api, deps: RouteDeps & { readonly clock: Clock }): void {
  addRoute(api, GATEWAYS, async ({ c, principal, query: { limit, cursor, site } }) => {
    const scope = scopeOf(principal, site);
    const { page, held, parked } = await deps.sql.read(async (db) => {
      const found = await listGateways(db, scope, { limit: limit + 1, after: cursor?.[0] });
      const listed = pageOf(found, limit, (last) => [last.gateway_id]);
      const ids = listed.items.map((gateway) => gateway.gateway_id);
      return {
        page: listed,
        held: await heldBy(db, scope.tenant, ids),
        parked: await parkedOf(db, scope.tenant, ids),
      };
    });
    const heldOf = Map.groupBy(held, (stream) => stream.gatewayId);
    const parkedBy = Map.groupBy(parked, (count) => count.gatewayId);
    const now = deps.clock.nowMicros();
    const items = page.items.map((gateway) =>
      gatewayJson(gateway, {
        held: heldOf.get(gateway.gateway_id) ?? [],
        parked: parkedBy.get(gateway.gateway_id) ?? [],
        now,
      }),
    );
    return pageReply(c, { items, next_cursor: page.next });
  });
}

interface CloudSide {
  readonly held: readonly HeldStream[];
  readonly parked: readonly ParkedCount[];
  readonly now: bigint;
}

function gatewayJson(gateway: GatewayRow, cloud: CloudSide) {
  const events = cloud.held.map((stream) => stream.lastEventAt);
  const lastSeen = [gateway.last_seen, ...events].reduce((a, b) => (a > b ? a : b));
  const state = seenState({ ...gateway, lastSeen }, cloud.now);
  return {
    id: gateway.gateway_id,
    site: gateway.site,
    state,
    reason: gateway.reason,
    lastSeen: rfc3339(Number(lastSeen)),
    incarnation: gateway.incarnation,
    softwareVersion: gateway.software_version,
    bufferBytes: Number(gateway.buffer_bytes),
    connectedDevices: Number(gateway.connected_devices),
    reportedAt: timeOf(gateway.reported_at),
    revokedAt: timeOf(gateway.revoked_at),
    lanes: LANES.map((lane) => laneJson(lane, gateway, cloud)),
  };
}

function timeOf(micros: bigint | null): string | null {
  return micros === null ? null : rfc3339(Number(micros));
}

/**
 * Both sides of a lane's ledger. The gateway's covers all incarnations, so what is held is summed
 * over them, too.
 */
function laneJson(lane: Lane, gateway: GatewayRow, cloud: CloudSide) {
  const ledger = gateway.ledgers.find((one) => one.lane === lane);
  const streams = cloud.held.filter((stream) => stream.lane === lane);
  const held = streams.reduce((sum, stream) => sum + sizeOf(stream.position), 0n);
  const current =
    streams.find((stream) => stream.incarnation === gateway.incarnation) ?? streams.at(-1);
  return {
    lane,
    lag: ledger ? lagOf(ledger, held) : null,
    backlog: ledger?.backlog ?? null,
    ledger: ledger ?? null,
    cloud: {
      contiguous: Number(current?.position.contiguous ?? 0n),
      highest: Number(current ? highest(current.position) : 0n),
      held: Number(held),
      condensed: streams.reduce((sum, stream) => sum + Number(stream.condensed), 0),
      openRanges: current?.position.ranges.length ?? 0,
      parked: Number(cloud.parked.find((count) => count.lane === lane)?.records ?? 0n),
      incarnation: current?.incarnation ?? null,
    },
  };
}
