import type { OrderState } from '@holdfast/shared/contracts/events/order.ts';
import type { Amount } from '@holdfast/shared/ui/money-format.ts';

/** What /v1/orders answers (proto/openapi.json): the part that the console reads. */
export interface OrderLine {
  readonly productId: string;
  readonly item: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: Amount;
  readonly taxClass: string;
  readonly taxBasisPoints: number;
  readonly net: number;
  readonly tax: number;
  readonly total: number;
}

export interface Order {
  readonly id: string;
  readonly state: OrderState;
  readonly customer: string;
  readonly lines: readonly OrderLine[];
  readonly net: Amount;
  readonly tax: Amount;
  readonly total: Amount;
  readonly country: string;
  readonly sites: readonly string[];
  readonly shipmentId: string | null;
  readonly refundId: string | null;
  readonly reason: string | null;
  readonly placedAt: string;
  readonly stateSince: string;
}

interface Told {
  readonly at: string;
}

export type StoryEntry = Told &
  (
    | {
        readonly kind: 'decision';
        readonly action: string;
        readonly actor: string;
        readonly allowed: boolean;
        readonly reasons: readonly string[];
        readonly revision: string;
      }
    | {
        readonly kind: 'call';
        readonly call: string;
        readonly id: string;
        readonly outcome: string;
        readonly reason?: string;
        readonly startedAt: string;
        readonly endedAt: string;
      }
    | {
        readonly kind: 'attempt';
        readonly id: string;
        readonly operation: string;
        /** `under_way` until it has ended; `endedAt` is its beginning then. */
        readonly outcome: string;
        readonly endedAt: string;
        readonly detail: string;
      }
    | {
        readonly kind: 'transition';
        readonly fact: string;
        readonly from: OrderState;
        readonly to: OrderState;
        readonly reason: string | null;
      }
    | { readonly kind: 'event'; readonly type: string; readonly sequence: number }
    | {
        readonly kind: 'audit';
        readonly action: string;
        readonly outcome: 'done' | 'denied';
        readonly actor: string;
      }
  );

export interface OrderStory {
  readonly order: Order;
  readonly traceId: string | null;
  readonly reservation: { readonly id: string; readonly sites: readonly string[] };
  readonly payment: { readonly key: string; readonly state: 'known' | 'none' | 'unavailable' };
  /** In causal order. */
  readonly story: readonly StoryEntry[];
}
