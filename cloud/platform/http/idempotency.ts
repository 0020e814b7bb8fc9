import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import type { Transaction } from 'kysely';

/** Of each service that has POSTs which create. */
export interface IdempotencyTables {
  idempotency_keys: {
    tenant: string;
    /** Who asked: two people never share a key. */
    subject: string;
    /** Method and path template: a key is used with one of them. */
    route: string;
    key: string;
    /** SHA-256 of path and body, hexadecimal. */
    fingerprint: string;
    status: bigint;
    /** JSON: what is sent again, `Location` among it. */
    headers: string;
    body: string;
    created_at: bigint;
  };
}

/** An answer that can be stored. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** What makes two requests the same one. */
export interface IdempotentRequest {
  readonly principal: Principal;
  readonly route: string;
  readonly key: string;
  readonly fingerprint: string;
}

/**
 * - The first request with a key runs `effect`; its answer is stored in the same transaction.
 * - The same request again gets the stored answer, and `replayed` is true.
 * - The same key with another path or body is IDEMPOTENCY_KEY_REUSED (422).
 * - While the first one has not answered it is IDEMPOTENCY_IN_FLIGHT (409) within one process;
 *   across processes the later one waits for the transaction and gets the stored answer.
 * - What threw is not stored: the same key may try again.
 * - Answers are kept for IDEMPOTENCY_KEPT_MS at least.
 */
export interface Idempotency {
  once<DB extends IdempotencyTables>(
    request: IdempotentRequest,
    effect: (tx: Transaction<DB>) => Promise<StoredAnswer>,
  ): Promise<StoredAnswer & { readonly replayed: boolean }>;
}

export const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000;
