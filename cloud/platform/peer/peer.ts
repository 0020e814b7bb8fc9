import type { ServiceDefinition } from '@grpc/grpc-js';

/**
 * Services that ask one another. The contract is a gRPC service in `proto/`; in one process the
 * call is made without a socket, across processes by gRPC on the internal port, and neither side
 * sees a difference:
 *
 * - Messages are encoded and decoded on both ways, so nothing is shared by reference.
 * - Every call has a deadline (CALL_TIMEOUT_MS unless the caller says less); when it is over the
 *   caller gets DEADLINE_EXCEEDED, and the callee's `signal` is aborted.
 * - Every call carries the service token of who calls. A callee lets in only the services that its
 *   PeerService names: TOKEN_MISSING, TOKEN_INVALID or FORBIDDEN otherwise.
 * - A stream has its deadline for being let in; from then on it lasts until the callee ends it, or
 *   the caller aborts its signal (which is no error) or stops to read. The callee makes the next
 *   answer when the caller takes it, but for what fits into the line's windows.
 * - A method that the callee does not know is PROTOCOL_UNSUPPORTED, a message of more than 1 MiB is
 *   PAYLOAD_TOO_LARGE, in either direction.
 * - Tenant and actor travel beside the message. A callee confines each row to the tenant.
 * - An AppError of the callee is the same code, message and retry at the caller; anything else is
 *   INTERNAL, and says nothing about the inside.
 * - A call is a span on each side, in one trace.
 * - UNAVAILABLE and DEADLINE_EXCEEDED say nothing about whether the callee did it: every method is
 *   idempotent by an id of its request, or only reads.
 * - Calls that fail with UNAVAILABLE are tried again within the deadline, unless the callee said
 *   when to come back; a peer that keeps failing
 *   is not asked for a while (breaker), and at most CALLS_MAX calls to one peer run at once, others
 *   wait in a bounded queue and then get UNAVAILABLE (bulkhead). Their state is in /metrics.
 */
export type PeerClient<D extends ServiceDefinition> = {
  readonly [M in keyof D]: D[M] extends {
    requestSerialize: (value: infer Q) => Buffer;
    responseDeserialize: (bytes: Buffer) => infer R;
    responseStream: infer S;
  }
    ? S extends true
      ? (
          request: Q,
          options: PeerCallOptions & { readonly signal: AbortSignal },
        ) => AsyncIterable<R>
      : (request: Q, options: PeerCallOptions) => Promise<R>
    : never;
};

/** For whom a call is made. */
export interface CallScope {
  readonly tenant: string;
  /** A user's or a service's id; it is written into audit rows. */
  readonly actor: string;
}

export interface PeerCallOptions {
  readonly scope: CallScope;
  readonly timeoutMs?: number;
}

/** What a handler knows of the call. */
export interface PeerCall {
  /** The service that calls, by its token. */
  readonly caller: string;
  readonly scope: CallScope;
  readonly signal: AbortSignal;
}

export type PeerHandlers<D extends ServiceDefinition> = {
  readonly [M in keyof D]: D[M] extends {
    requestDeserialize: (bytes: Buffer) => infer Q;
    responseSerialize: (value: infer R) => Buffer;
    responseStream: infer S;
  }
    ? S extends true
      ? (request: Q, call: PeerCall) => AsyncIterable<R>
      : (request: Q, call: PeerCall) => Promise<R>
    : never;
};

/** A service as its peers see it; part of a ServiceHandle. */
export interface PeerService<D extends ServiceDefinition = ServiceDefinition> {
  readonly definition: D;
  readonly handlers: PeerHandlers<D>;
  /** The targets that may call it. */
  readonly callers: readonly string[];
}

export const CALL_TIMEOUT_MS = 5_000;
/** To one peer at once. */
export const CALLS_MAX = 256;
