import type { MovementKind } from '@holdfast/shared/contracts/events/inventory.ts';
import {
  type AdjustRequest,
  InventoryServiceService,
  type Level,
  type Reservation,
  ReservationState,
  type ReserveRequest,
  MovementKind as WireKind,
} from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import { freeOf } from '@holdfast/shared/domain/stock-level.ts';
import { movementFault, QUANTITY_MAX } from '@holdfast/shared/domain/stock-movement.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { PeerCall, PeerHandlers, PeerService } from '../platform/peer/peer.ts';
import type { NewMovement, Outcome, StepCommand, WantedLine } from './domain/command.ts';
import type { LevelRecord, ReservationRecord } from './domain/records.ts';
import type { Desk } from './store/desk.ts';
import { levelsOfItems } from './store/levels.ts';
import type { InventoryTables } from './store/tables.ts';
import type { Watchers } from './watchers.ts';

export const LINES_MAX = 100;
const ITEMS_MAX = 1_000;
const NAME_CHARS_MAX = 128;
const HOLD_SECONDS_MAX = 3_600;
const SECOND_MICROS = 1_000_000n;

export interface PeerServiceDeps {
  readonly desk: Desk;
  readonly sql: Sql<InventoryTables>;
  readonly watchers: Watchers;
}

/** What other services ask of inventory (proto/grpc/holdfast/inventory/v1). */
export function inventoryService(deps: PeerServiceDeps): PeerService<InventoryServiceService> {
  const handlers = inventoryHandlers(deps);
  const callers = ['order', 'graph', 'product'];
  return { definition: InventoryServiceService, handlers, callers };
}

export function inventoryHandlers(deps: PeerServiceDeps): PeerHandlers<InventoryServiceService> {
  const { desk, sql, watchers } = deps;
  const step =
    (kind: StepCommand['kind']) =>
    async ({ reservationId }: { readonly reservationId: string }, { scope }: PeerCall) => {
      requireName('reservation_id', reservationId);
      const outcome = await desk.run({ kind, tenant: scope.tenant, reservationId });
      return { reservation: reservationOf(outcome, reservationId) };
    };
  return {
    async reserve(request, { scope }) {
      const command = { kind: 'reserve' as const, tenant: scope.tenant, ...wantedOf(request) };
      const outcome = await desk.run(command);
      if (outcome.kind === 'short') {
        return { reservation: undefined, shortages: [...outcome.shortages] };
      }
      return { reservation: reservationOf(outcome, request.reservationId), shortages: [] };
    },
    confirm: step('confirm'),
    release: step('release'),
    pick: step('pick'),
    async adjust(request, call) {
      const movement = movementOf(request);
      const by = { actor: call.scope.actor };
      const { tenant } = call.scope;
      const outcome = await desk.run({ kind: 'move', tenant, movement, by });
      if (outcome.kind === 'other-content') throw otherContent('movement', movement.id);
      assert(outcome.kind === 'booked', 'a movement is booked or its id is another one');
      return { level: wireLevel(outcome.level), repeated: outcome.repeated };
    },
    async getLevels({ items, site }, { scope }) {
      requireItems(items);
      const asked = { tenant: scope.tenant, items, site: site === '' ? undefined : site };
      const levels = await sql.read((db) => levelsOfItems(db, asked));
      return { levels: levels.map(wireLevel) };
    },
    async *watch({ items, site }, { scope, signal }) {
      requireItems(items);
      const { tenant } = scope;
      const filter = { tenant, items: new Set(items), site: site === '' ? undefined : site };
      for await (const levels of watchers.watch(filter, signal)) {
        yield { levels: levels.map(wireLevel) };
      }
    },
  };
}

function wantedOf(request: ReserveRequest) {
  const { reservationId, orderId, lines, holdSeconds } = request;
  requireName('reservation_id', reservationId);
  requireName('order_id', orderId);
  if (lines.length < 1 || lines.length > LINES_MAX) throw invalid('lines', `1 to ${LINES_MAX}`);
  if (holdSeconds < 1 || holdSeconds > HOLD_SECONDS_MAX) {
    throw invalid('hold_seconds', `1 to ${HOLD_SECONDS_MAX}`);
  }
  const wanted = lines.map(({ item, quantity, site }): WantedLine => {
    requireName('item', item);
    if (quantity < 1n || quantity > QUANTITY_MAX) throw invalid('quantity', `1 to ${QUANTITY_MAX}`);
    if (site !== '') requireName('site', site);
    return { item, quantity, site: site === '' ? undefined : site };
  });
  const holdMicros = BigInt(holdSeconds) * SECOND_MICROS;
  return { reservationId, orderId, lines: wanted, holdMicros };
}

const KINDS = new Map<WireKind, MovementKind>([
  [WireKind.MOVEMENT_KIND_RECEIVE, 'receive'],
  [WireKind.MOVEMENT_KIND_SALE, 'sale'],
  [WireKind.MOVEMENT_KIND_PICK, 'pick'],
  [WireKind.MOVEMENT_KIND_RETURN, 'return'],
  [WireKind.MOVEMENT_KIND_ADJUST, 'adjust'],
  [WireKind.MOVEMENT_KIND_COUNT, 'count'],
  [WireKind.MOVEMENT_KIND_TRANSFER, 'transfer'],
]);

function movementOf(request: AdjustRequest): NewMovement {
  const { movementId, site, item, kind: wire, quantity, reason, toSite } = request;
  requireName('movement_id', movementId);
  requireName('site', site);
  requireName('item', item);
  if (toSite !== '') requireName('to_site', toSite);
  const kind = KINDS.get(wire);
  if (!kind) throw invalid('kind', 'a kind of movement');
  const to = toSite === '' ? {} : { toSite };
  const movement = { id: movementId, site, item, kind, quantity, ...to };
  const fault = movementFault(movement);
  if (fault) throw new AppError('REQUEST_INVALID', fault);
  return reason === '' ? movement : { ...movement, reason: reason.replaceAll('\0', '') };
}

function requireItems(items: readonly string[]): void {
  if (items.length > ITEMS_MAX) throw invalid('items', `at most ${ITEMS_MAX}`);
  for (const item of items) requireName('item', item);
}

function requireName(field: string, name: string): void {
  const fits = name.length >= 1 && name.length <= NAME_CHARS_MAX;
  if (fits && !name.includes('\0') && name.isWellFormed()) return;
  throw invalid(field, `1 to ${NAME_CHARS_MAX} characters`);
}

function invalid(field: string, expected: string): AppError {
  return new AppError('REQUEST_INVALID', `${field} must be ${expected}`);
}

function otherContent(what: string, id: string): AppError {
  return new AppError('STATE_CONFLICT', `the ${what} ${id} has another content`);
}

function reservationOf(outcome: Outcome, id: string): Reservation {
  if (outcome.kind === 'reservation') return wireReservation(outcome.reservation);
  if (outcome.kind === 'other-content') throw otherContent('reservation', id);
  if (outcome.kind === 'refused') {
    throw new AppError('STATE_CONFLICT', `the reservation ${id} is ${outcome.state}`);
  }
  throw new AppError('NOT_FOUND', `there is no reservation ${id}`);
}

const STATES = {
  held: ReservationState.RESERVATION_STATE_HELD,
  confirmed: ReservationState.RESERVATION_STATE_CONFIRMED,
  picked: ReservationState.RESERVATION_STATE_PICKED,
  released: ReservationState.RESERVATION_STATE_RELEASED,
  expired: ReservationState.RESERVATION_STATE_EXPIRED,
} as const;

function wireReservation({ id, state, lines, expiresAt }: ReservationRecord): Reservation {
  return {
    reservationId: id,
    state: STATES[state],
    lines: lines.map((line) => ({ ...line })),
    expiresAtMicros: expiresAt,
  };
}

function wireLevel(level: LevelRecord): Level {
  const { site, item, onHand, reserved, sold, version, changedAt } = level;
  const free = freeOf(level);
  return { site, item, onHand, reserved, sold, free, version, changedAtMicros: changedAt };
}
