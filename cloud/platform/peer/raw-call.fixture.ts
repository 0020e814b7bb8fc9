import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { grpcChannelOptions, type SecureTarget } from '@holdfast/shared/runtime/grpc.ts';
import type { AnyMethod } from './peer-transport.ts';

const TIMEOUT_MS = 5_000;

export interface RawCall {
  readonly address: string;
  readonly method: Pick<AnyMethod, 'path' | 'requestSerialize' | 'responseDeserialize'>;
  readonly request: unknown;
  readonly authorization?: string;
  /** Plain when absent. */
  readonly secure?: SecureTarget;
}

/** A call by whoever, without any part of ours; the error, or null. */
export async function rawCall(call: RawCall): Promise<ServiceError | null> {
  const { address, method, request, authorization } = call;
  const secure = call.secure ?? { credentials: credentials.createInsecure(), options: {} };
  const client = new Client(address, secure.credentials, {
    ...grpcChannelOptions(),
    ...secure.options,
  });
  const metadata = new Metadata();
  if (authorization) metadata.set('authorization', authorization);
  metadata.set('holdfast-tenant-bin', Buffer.from('dev'));
  metadata.set('holdfast-actor-bin', Buffer.from('usr_1'));
  const error = await new Promise<ServiceError | null>((resolve) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + TIMEOUT_MS },
      resolve,
    );
  });
  client.close();
  return error;
}
