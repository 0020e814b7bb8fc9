import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import type { ErrorCode } from '@holdfast/shared/contracts/error-codes.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { toGrpcStatus } from '@holdfast/shared/runtime/grpc.ts';
import { errorOf, errorReplyOf, parseErrorReply } from './call-error.ts';
import { type CallHeaders, methodUnknown } from './peer-transport.ts';

const ERROR_KEY = 'holdfast-error-bin';

/** Binary keys: a tenant's or an actor's name may have any letters. */
export function metadataOf({ authorization, tenant, actor, traceparent }: CallHeaders): Metadata {
  // A peer that starts or restarts is waited for, within the call's deadline.
  const metadata = new Metadata({ waitForReady: true });
  if (authorization !== undefined) metadata.set('authorization', authorization);
  metadata.set('holdfast-tenant-bin', Buffer.from(tenant));
  metadata.set('holdfast-actor-bin', Buffer.from(actor));
  if (traceparent !== '') metadata.set('traceparent', traceparent);
  return metadata;
}

export function headersOf(metadata: Metadata): CallHeaders {
  const text = (key: string): string | undefined => metadata.get(key)[0]?.toString();
  return {
    authorization: text('authorization'),
    tenant: text('holdfast-tenant-bin') ?? '',
    actor: text('holdfast-actor-bin') ?? '',
    traceparent: text('traceparent') ?? '',
  };
}

export function statusOf(error: unknown): Partial<ServiceError> {
  const reply = errorReplyOf(error);
  const metadata = new Metadata();
  metadata.set(ERROR_KEY, Buffer.from(JSON.stringify(reply)));
  return toGrpcStatus(errorOf(reply), metadata);
}

/** For a status that the callee's handler did not choose. */
const CODES: Readonly<Partial<Record<status, ErrorCode>>> = {
  [status.DEADLINE_EXCEEDED]: 'DEADLINE_EXCEEDED',
  [status.RESOURCE_EXHAUSTED]: 'PAYLOAD_TOO_LARGE',
  [status.INVALID_ARGUMENT]: 'REQUEST_INVALID',
  [status.UNAUTHENTICATED]: 'TOKEN_INVALID',
  [status.PERMISSION_DENIED]: 'FORBIDDEN',
  [status.UNIMPLEMENTED]: 'PROTOCOL_UNSUPPORTED',
};

/**
 * What the callee threw. When it threw nothing the line broke, whatever name grpc-js has for it,
 * and whether the callee did it is not known: UNAVAILABLE.
 */
export function errorOfStatus(
  { code, details, metadata }: Pick<StatusObject, 'code' | 'details' | 'metadata'>,
  path: string,
): AppError {
  const told = metadata.get(ERROR_KEY)[0]?.toString();
  const reply = told === undefined ? undefined : parseErrorReply(told);
  if (reply) return errorOf(reply);
  if (code === status.UNIMPLEMENTED) return methodUnknown(path);
  return new AppError(CODES[code] ?? 'UNAVAILABLE', details);
}
