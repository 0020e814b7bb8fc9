/** What /v1/stock answers (proto/openapi.json): the part that the console reads. */
export interface StockLevel {
  readonly site: string;
  readonly item: string;
  /** Sold and not yet picked included. */
  readonly onHand: number;
  /** Held for orders that are not confirmed. */
  readonly reserved: number;
  /** Confirmed and not picked yet. */
  readonly sold: number;
  /** What may still be promised. */
  readonly free: number;
  /** Nothing is promised until a person looked. */
  readonly frozen: boolean;
  readonly version: number;
  readonly changedAt: string;
}

export interface Discrepancy {
  readonly id: string;
  readonly site: string;
  readonly item: string;
  readonly difference: number;
  readonly reason: string;
  readonly detail: string;
  readonly openedAt: string;
}

export interface ParkedMessage {
  readonly id: string;
  readonly site: string | null;
  readonly item: string | null;
  readonly reason: string;
  readonly detail: string;
  readonly gatewayId: string | null;
  readonly sequence: number | null;
  readonly parkedAt: string;
  readonly base64: string;
}
