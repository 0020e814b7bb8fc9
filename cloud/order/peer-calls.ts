import type { ErrorCode } from '@holdfast/shared/contracts/error-codes.ts';
import {
  type InventoryServiceService,
  ReservationState,
} from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import {
  type Payment,
  type PaymentServiceService,
  PaymentState,
} from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { PeerCallOptions, PeerClient } from '../platform/peer/peer.ts';
import type { Order } from './domain/order.ts';
import type { Answer } from './domain/saga.ts';
import type { PeerCallName } from './domain/steps.ts';

export interface SagaPeers {
  readonly inventory: PeerClient<InventoryServiceService>;
  readonly payment: PeerClient<PaymentServiceService>;
}

export interface CallSettings {
  readonly holdSeconds: number;
  readonly callTimeoutMs: number;
}

type Call = (order: Order, options: PeerCallOptions) => Promise<Answer>;

export interface PeerCalls {
  /** Never throws what a peer or the way to it did: that is an answer, too. */
  ask(order: Order, call: PeerCallName): Promise<Answer>;
  /** What the call is repeated by. */
  idOf(order: Order, call: PeerCallName): string;
}

/** Who acts when nobody asked: written into the peers' audit rows. */
export const SAGA_ACTOR = 'order';

export function createPeerCalls(peers: SagaPeers, settings: CallSettings): PeerCalls {
  const calls = { ...inventoryCalls(peers, settings), ...paymentCalls(peers) };
  return {
    async ask(order, call) {
      const scope = { tenant: order.tenant, actor: SAGA_ACTOR };
      try {
        return await calls[call](order, { scope, timeoutMs: settings.callTimeoutMs });
      } catch (cause) {
        return failed(cause);
      }
    },
    idOf(order, call) {
      if (call === 'refund') return order.refundId ?? '';
      const isMoney = call === 'authorise' || call === 'capture' || call === 'void';
      return isMoney ? order.paymentKey : order.reservationId;
    },
  };
}

type InventoryCall = 'reserve' | 'confirm' | 'pick' | 'release';

function inventoryCalls(
  { inventory }: SagaPeers,
  { holdSeconds }: CallSettings,
): Record<InventoryCall, Call> {
  return {
    async reserve({ id, reservationId, lines }, options) {
      const wanted = lines.map(({ item, quantity }) => ({
        item,
        quantity: BigInt(quantity),
        site: '',
      }));
      const request = { reservationId, orderId: id, lines: wanted, holdSeconds };
      const { reservation, shortages } = await inventory.reserve(request, options);
      if (shortages.length > 0) {
        const items = shortages.map(({ item, free }) => `${item} (${free} left)`).join(', ');
        return { kind: 'short', reason: `not enough of ${items}` };
      }
      const isHeld =
        reservation?.state === ReservationState.RESERVATION_STATE_HELD ||
        reservation?.state === ReservationState.RESERVATION_STATE_CONFIRMED;
      if (!isHeld) return { kind: 'refused', reason: 'the reservation has ended' };
      return { kind: 'done', sites: [...new Set(reservation.lines.map(({ site }) => site))] };
    },
    async confirm({ reservationId }, options) {
      const { reservation } = await inventory.confirm({ reservationId }, options);
      return reservation?.state === ReservationState.RESERVATION_STATE_CONFIRMED
        ? { kind: 'done' }
        : { kind: 'refused', reason: 'the reservation has ended' };
    },
    async pick({ reservationId }, options) {
      const { reservation } = await inventory.pick({ reservationId }, options);
      return reservation?.state === ReservationState.RESERVATION_STATE_PICKED
        ? { kind: 'done' }
        : { kind: 'refused', reason: 'the goods cannot be picked' };
    },
    async release({ reservationId, reason }, options) {
      await inventory.release({ reservationId, reason: reason ?? 'the order ends' }, options);
      return { kind: 'done' };
    },
  };
}

type PaymentCall = 'authorise' | 'capture' | 'void' | 'refund';

function paymentCalls({ payment }: SagaPeers): Record<PaymentCall, Call> {
  return {
    async authorise({ id, paymentKey, currency, total, methodToken }, options) {
      const amount = { currency, minorUnits: BigInt(total) };
      const request = { paymentKey, orderId: id, amount, methodToken };
      const answer = await payment.authorise(request, options);
      return paid(answer.payment, PaymentState.PAYMENT_STATE_AUTHORISED);
    },
    async capture({ paymentKey }, options) {
      const answer = await payment.capture({ paymentKey }, options);
      return paid(answer.payment, PaymentState.PAYMENT_STATE_CAPTURED);
    },
    async void({ paymentKey, reason }, options) {
      try {
        const request = { paymentKey, reason: reason ?? 'the order ends' };
        return voided((await payment.void(request, options)).payment);
      } catch (cause) {
        if (!isRefusal(cause)) throw cause;
        // It says that it cannot be voided, not why: taken money has to go back another way.
        return voided((await payment.getPayment({ paymentKey }, options)).payment);
      }
    },
    async refund({ paymentKey, refundId, currency, total, reason }, options) {
      assert(refundId, 'a refund has its id before it is asked for');
      const amount = { currency, minorUnits: BigInt(total) };
      const request = { paymentKey, refundId, amount, reason: reason ?? 'refunded' };
      const answer = await payment.refund(request, options);
      return paid(answer.payment, PaymentState.PAYMENT_STATE_REFUNDED);
    },
  };
}

function paid(payment: Payment | undefined, wanted: PaymentState): Answer {
  if (payment?.state === wanted) return { kind: 'done' };
  if (payment?.state === PaymentState.PAYMENT_STATE_DECLINED) {
    return { kind: 'declined', reason: `the payment was declined: ${payment.declineCode}` };
  }
  if (isOpen(payment)) return { kind: 'unknown', reason: 'the acquirer has not answered yet' };
  return { kind: 'refused', reason: `the payment is in the state ${payment?.state}` };
}

function voided(payment: Payment | undefined): Answer {
  if (payment?.state === PaymentState.PAYMENT_STATE_CAPTURED) return { kind: 'captured' };
  if (isOpen(payment)) return { kind: 'unknown', reason: 'the acquirer has not answered yet' };
  return { kind: 'done' };
}

function isOpen(payment: Payment | undefined): boolean {
  return payment === undefined || payment.state === PaymentState.PAYMENT_STATE_PENDING;
}

/**
 * The callee understood and will not, now or later. Whatever else went wrong says nothing about
 * whether the call had its effect.
 */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'REQUEST_INVALID',
  'NOT_FOUND',
  'CONFLICT',
  'STATE_CONFLICT',
  'PRECONDITION_FAILED',
]);

function isRefusal(cause: unknown): cause is AppError {
  return cause instanceof AppError && REFUSALS.has(cause.code);
}

function failed(cause: unknown): Answer {
  if (!(cause instanceof AppError)) throw cause;
  const reason = `${cause.code}: ${cause.message}`;
  return { kind: isRefusal(cause) ? 'refused' : 'unknown', reason };
}
