import type { Order } from './domain/order.ts';

export function sampleOrder(changed: Partial<Order> = {}): Order {
  return {
    id: 'ord_1',
    tenant: 'dev',
    customer: 'usr_1',
    state: 'placed',
    version: 1n,
    currency: 'EUR',
    net: 1_000,
    tax: 190,
    total: 1_190,
    country: 'DE',
    lines: [
      {
        productId: 'prd_1',
        item: 'FRZ-PEAS-1KG',
        name: 'Peas',
        quantity: 2,
        unitMinor: 595,
        taxClass: 'standard',
        taxBasisPoints: 1_900,
        net: 1_000,
        tax: 190,
        total: 1_190,
      },
    ],
    sites: [],
    reservationId: 'rsv_1',
    paymentKey: 'pay_1',
    methodToken: 'tok_visa',
    shipmentId: null,
    refundId: null,
    undo: [],
    ending: null,
    reason: null,
    placedAt: 0n,
    stateSince: 0n,
    traceparent: '',
    ...changed,
  };
}
