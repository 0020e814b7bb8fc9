import type {
  InventoryServiceService,
  ReservationState as State,
} from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import { ReservationState } from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import {
  type Payment,
  type PaymentServiceService,
  PaymentState,
} from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import type { ProductServiceService } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { PeerClient } from '../platform/peer/peer.ts';
import type { SagaPeers } from './peer-calls.ts';

export type OrderPeers = SagaPeers & { readonly product: PeerClient<ProductServiceService> };

/** What becomes of a call: its effect, its answer. */
export type Fate = 'arrives' | 'lost-before' | 'lost-after' | 'twice' | 'late';

/** As much of a call as travels between two processes. */
export interface PlainCall {
  readonly peer: 'inventory' | 'payment' | 'product';
  readonly method: string;
  readonly request: unknown;
}

interface Reservation {
  state: State;
  readonly lines: readonly { item: string; quantity: bigint; site: string }[];
}

/**
 * The peers as their contracts say, in memory: each call does its work once per id, whatever comes
 * late or twice. What a test does to them it does by `fateOf`.
 */
export class MemoryPeers {
  readonly stock = new Map<string, bigint>();
  readonly reservations = new Map<string, Reservation>();
  readonly payments = new Map<string, Payment>();
  readonly captures = new Map<string, number>();
  fateOf: (call: PlainCall) => Fate = () => 'arrives';
  /** The acquirer's word. */
  declines: (token: string) => boolean = (token) => token === 'tok_declined';
  readonly #late: (() => void)[] = [];

  async answer(call: PlainCall): Promise<unknown> {
    const fate = this.fateOf(call);
    const lost = (): AppError => new AppError('DEADLINE_EXCEEDED', `${call.method} had no answer`);
    if (fate === 'lost-before') throw lost();
    if (fate === 'late') {
      this.#late.push(() => void attempt(() => this.#do(call)));
      throw lost();
    }
    if (fate === 'twice') attempt(() => this.#do(call));
    const answer = this.#do(call);
    if (fate === 'lost-after') throw lost();
    return answer;
  }

  /** What was on its way arrives now. */
  arriveLate(): void {
    for (const effect of this.#late.splice(0)) effect();
  }

  /** What is held, sold or gone of an item. */
  taken(item: string): bigint {
    const { RESERVATION_STATE_RELEASED, RESERVATION_STATE_EXPIRED } = ReservationState;
    let sum = 0n;
    for (const { state, lines } of this.reservations.values()) {
      if (state === RESERVATION_STATE_RELEASED || state === RESERVATION_STATE_EXPIRED) continue;
      for (const line of lines) if (line.item === item) sum += line.quantity;
    }
    return sum;
  }

  clients(): OrderPeers {
    return clientsOf((call) => this.answer(call));
  }

  #do({ peer, method, request }: PlainCall): unknown {
    const handler = this.#handlers[`${peer}.${method}`];
    if (!handler) throw new AppError('NOT_FOUND', `there is no ${peer}.${method}`);
    return handler(request);
  }

  // biome-ignore lint/suspicious/noExplicitAny: requests that crossed a process are plain objects.
  readonly #handlers: Record<string, (request: any) => unknown> = {
    'product.getProducts': ({ ids }: { ids: string[] }) => ({
      products: ids.filter((id) => id.startsWith('prd_')).map(productOf),
    }),
    'inventory.reserve': ({ reservationId, lines }) => this.#reserve(reservationId, lines),
    'inventory.confirm': ({ reservationId }) =>
      this.#move(reservationId, 'RESERVATION_STATE_HELD', 'RESERVATION_STATE_CONFIRMED'),
    'inventory.pick': ({ reservationId }) =>
      this.#move(reservationId, 'RESERVATION_STATE_CONFIRMED', 'RESERVATION_STATE_PICKED'),
    'inventory.release': ({ reservationId }) => this.#release(reservationId),
    'payment.authorise': ({ paymentKey, orderId, amount, methodToken }) =>
      this.#authorise({ paymentKey, orderId, amount }, methodToken),
    'payment.capture': ({ paymentKey }) => this.#capture(paymentKey),
    'payment.void': ({ paymentKey }) => this.#void(paymentKey),
    'payment.refund': ({ paymentKey }) =>
      this.#settle(paymentKey, 'PAYMENT_STATE_CAPTURED', 'PAYMENT_STATE_REFUNDED'),
    'payment.getPayment': ({ paymentKey }) => ({ payment: this.#payment(paymentKey) }),
  };

  #reserve(id: string, lines: Reservation['lines']) {
    const known = this.reservations.get(id);
    if (known) return { reservation: reservationOf(id, known), shortages: [] };
    const shortages = lines.flatMap(({ item, quantity }) => {
      const free = (this.stock.get(item) ?? 0n) - this.taken(item);
      return free < quantity ? [{ item, wanted: quantity, free }] : [];
    });
    if (shortages.length > 0) return { reservation: undefined, shortages };
    const made: Reservation = {
      state: ReservationState.RESERVATION_STATE_HELD,
      lines: lines.map((line) => ({ ...line, site: 'site-1' })),
    };
    this.reservations.set(id, made);
    return { reservation: reservationOf(id, made), shortages: [] };
  }

  #move(id: string, from: keyof typeof ReservationState, to: keyof typeof ReservationState) {
    const found = this.reservations.get(id);
    if (!found) throw new AppError('NOT_FOUND', 'there is no such reservation');
    const isThere = found.state === ReservationState[to];
    if (!isThere && found.state !== ReservationState[from]) {
      throw new AppError('STATE_CONFLICT', `the reservation is not ${from}`);
    }
    found.state = ReservationState[to] as State;
    return { reservation: reservationOf(id, found) };
  }

  #release(id: string) {
    const found = this.reservations.get(id) ?? { state: 0 as State, lines: [] };
    if (found.state === ReservationState.RESERVATION_STATE_PICKED) {
      throw new AppError('STATE_CONFLICT', 'it was picked');
    }
    found.state = ReservationState.RESERVATION_STATE_RELEASED;
    this.reservations.set(id, found);
    return { reservation: reservationOf(id, found) };
  }

  #authorise(asked: Pick<Payment, 'paymentKey' | 'orderId' | 'amount'>, token: string) {
    const known = this.payments.get(asked.paymentKey);
    if (known) return { payment: known };
    const declined = this.declines(token);
    const state = declined
      ? PaymentState.PAYMENT_STATE_DECLINED
      : PaymentState.PAYMENT_STATE_AUTHORISED;
    const payment: Payment = {
      ...asked,
      state,
      refunded: undefined,
      declineCode: declined ? 'insufficient_funds' : '',
      attempts: [
        {
          attemptId: `att_${this.payments.size}`,
          operation: 'authorise',
          outcome: declined ? 'declined' : 'done',
          startedAtMicros: 1n,
          endedAtMicros: 2n,
          detail: '',
        },
      ],
    };
    this.payments.set(asked.paymentKey, payment);
    return { payment };
  }

  #capture(key: string) {
    if (this.#payment(key).state === PaymentState.PAYMENT_STATE_AUTHORISED) {
      this.captures.set(key, (this.captures.get(key) ?? 0) + 1);
    }
    return this.#settle(key, 'PAYMENT_STATE_AUTHORISED', 'PAYMENT_STATE_CAPTURED');
  }

  #void(paymentKey: string) {
    const payment = this.payments.get(paymentKey);
    if (payment?.state === PaymentState.PAYMENT_STATE_CAPTURED) {
      throw new AppError('STATE_CONFLICT', 'it was captured');
    }
    const voided: Payment = {
      orderId: '',
      amount: undefined,
      refunded: undefined,
      declineCode: '',
      attempts: [],
      ...payment,
      paymentKey,
      state: PaymentState.PAYMENT_STATE_VOIDED,
    };
    this.payments.set(paymentKey, voided);
    return { payment: voided };
  }

  #settle(key: string, from: keyof typeof PaymentState, to: keyof typeof PaymentState) {
    const payment = this.#payment(key);
    if (payment.state !== PaymentState[to] && payment.state !== PaymentState[from]) {
      throw new AppError('STATE_CONFLICT', `the payment is not ${from}`);
    }
    payment.state = PaymentState[to] as Payment['state'];
    return { payment };
  }

  #payment(key: string): Payment {
    const found = this.payments.get(key);
    if (!found) throw new AppError('NOT_FOUND', 'there is no such payment');
    return found;
  }
}

/** Clients of every peer over one way to ask. */
export function clientsOf(ask: (call: PlainCall) => Promise<unknown>): OrderPeers {
  const client = (peer: PlainCall['peer']) =>
    new Proxy(
      {},
      { get: (_, method) => (request: unknown) => ask({ peer, method: String(method), request }) },
    );
  return {
    inventory: client('inventory') as PeerClient<InventoryServiceService>,
    payment: client('payment') as PeerClient<PaymentServiceService>,
    product: client('product') as PeerClient<ProductServiceService>,
  };
}

function reservationOf(reservationId: string, { state, lines }: Reservation) {
  return { reservationId, state, lines: [...lines], expiresAtMicros: 0n };
}

/** `prd_<item>` is a product for 5.95 EUR. */
function productOf(id: string) {
  return {
    id,
    item: id.slice('prd_'.length),
    name: id,
    description: '',
    taxClass: 'standard',
    prices: [{ currency: 'EUR', minorUnits: 595n }],
    categories: [],
    imageUrls: [],
    version: 1n,
    deleted: id.includes('deleted'),
  };
}

/** What arrives late has nobody left to hear that it was refused. */
function attempt(work: () => unknown): void {
  try {
    work();
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
  }
}
