import type { MethodDefinition } from '@grpc/grpc-js';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { GRPC_MESSAGE_BYTES_MAX } from '@holdfast/shared/runtime/grpc.ts';

// biome-ignore lint/suspicious/noExplicitAny: a method of any service, as ServiceDefinition has it.
export type AnyMethod = MethodDefinition<any, any>;

/** What travels beside a message. */
export interface CallHeaders {
  /** `Bearer` and the service token of who calls. */
  readonly authorization: string | undefined;
  readonly tenant: string;
  readonly actor: string;
  readonly traceparent: string;
}

export interface OutgoingCall {
  readonly method: AnyMethod;
  /** As the service's definition calls it. */
  readonly name: string;
  readonly request: unknown;
  readonly headers: CallHeaders;
  /** Aborted when the deadline is over; its reason is what the caller gets. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * One way to reach a peer; what an adapter implements. One attempt: no retry, no breaker. Errors
 * are AppErrors; an answer that is not known is UNAVAILABLE or DEADLINE_EXCEEDED.
 */
export interface PeerTransport {
  unary(call: OutgoingCall): Promise<unknown>;
  /**
   * Resolves when the callee has let the call in. The stream ends without an error when the signal
   * is aborted; who stops to iterate ends the call.
   */
  stream(call: OutgoingCall): Promise<AsyncIterable<unknown>>;
  close(): void;
}

export function tooLarge(what: 'request' | 'answer'): AppError {
  const message = `the ${what} is larger than ${GRPC_MESSAGE_BYTES_MAX} bytes`;
  return new AppError('PAYLOAD_TOO_LARGE', message);
}

/** An older or newer peer: its contract has no such method. */
export function methodUnknown(path: string): AppError {
  return new AppError('PROTOCOL_UNSUPPORTED', `the peer does not know the method ${path}`);
}
