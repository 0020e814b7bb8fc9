import type { GeneratorFigures } from './generating.ts';

/** What the generator is told, as JSON in its first argument. */
export interface OrderLoad {
  readonly url: string;
  readonly token: string;
  readonly productId: string;
  /** A fixed number in flight, or so many a second, each sent when it is due. */
  readonly pace:
    | { readonly kind: 'window'; readonly inFlight: number }
    | { readonly kind: 'rate'; readonly perSecond: number };
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What it prints as its last line. */
export interface OrderLoadResult extends GeneratorFigures {
  /** Shown `confirmed` by the customer's WebSocket, of those that were due in the measured time. */
  readonly confirmed: number;
  readonly placed: number;
  /** Placed in the warm-up, too: what the CPU seconds were spent on. */
  readonly ordersInAll: number;
  readonly failed: number;
  /** Not shown within the wait after the end. */
  readonly unseen: number;
  readonly seconds: number;
}
