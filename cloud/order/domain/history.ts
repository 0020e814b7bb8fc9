import type { OrderState } from '@holdfast/shared/contracts/events/order.ts';
import type { OrderEventType } from './change.ts';
import type { Fact } from './order-states.ts';
import type { Answer } from './saga.ts';
import type { PeerCallName } from './steps.ts';

/** What an order's story is made of; stored in the transaction of what it tells. */
export type HistoryEntry =
  | {
      readonly kind: 'decision';
      readonly action: string;
      readonly actor: string;
      readonly allowed: boolean;
      readonly reasons: readonly string[];
      /** Of the policy bundle that decided. */
      readonly revision: string;
    }
  /** A call to a peer and what came of it. */
  | {
      readonly kind: 'call';
      readonly call: PeerCallName;
      /** What it is repeated by. */
      readonly id: string;
      readonly outcome: Answer['kind'];
      readonly reason?: string;
      readonly startedAt: number;
      readonly endedAt: number;
    }
  | {
      readonly kind: 'transition';
      readonly fact: Fact;
      readonly from: OrderState;
      readonly to: OrderState;
      readonly reason: string | null;
    }
  | { readonly kind: 'event'; readonly type: OrderEventType; readonly sequence: number }
  | {
      readonly kind: 'audit';
      readonly action: string;
      readonly outcome: 'done' | 'denied';
      readonly actor: string;
    };

/** The entries of one transaction. */
export interface HistoryRow {
  readonly at: bigint;
  readonly entries: readonly HistoryEntry[];
}
