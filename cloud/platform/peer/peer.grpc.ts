import {
  Client,
  type ClientReadableStream,
  connectivityState,
  credentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import { grpcChannelOptions, secureTarget } from '@holdfast/shared/runtime/grpc.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { errorOfStatus, metadataOf } from './call-metadata.ts';
import type { OutgoingCall, PeerTransport } from './peer-transport.ts';

/** A channel that is this long without a connection, while calls wait for it, is opened anew. */
const CONNECT_MS_MAX = 1_000;

export interface GrpcTransportOptions {
  /** `host:port`. */
  readonly address: string;
  /** PEM of the installation's authority; without it the line is plain, for loopback only. */
  readonly ca?: string | undefined;
  readonly runtime: Pick<Runtime, 'clock'>;
}

export function openGrpcTransport(options: GrpcTransportOptions): PeerTransport {
  const { clock } = options.runtime;
  const line = openChannel(options);
  return {
    unary: (call) =>
      new Promise((resolve, reject) => {
        const { method, request, signal } = call;
        if (signal.aborted) return reject(signal.reason);
        const sent = line
          .client()
          .makeUnaryRequest(
            method.path,
            method.requestSerialize,
            method.responseDeserialize,
            request,
            metadataOf(call.headers),
            { deadline: deadlineOf(call, clock) },
            (error: ServiceError | null, answer?: unknown) => {
              signal.removeEventListener('abort', cancel);
              if (!error) return resolve(answer);
              reject(signal.aborted ? signal.reason : errorOfStatus(error, method.path));
            },
          );
        const cancel = (): void => sent.cancel();
        signal.addEventListener('abort', cancel, { once: true });
      }),
    async stream(call) {
      const { method, request, signal, headers } = call;
      signal.throwIfAborted();
      const stream = line
        .client()
        .makeServerStreamRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          metadataOf(headers),
        );
      const cancel = (): void => stream.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      await opened(stream, call);
      return received(stream, call);
    },
    close: line.close,
  };
}

function deadlineOf({ timeoutMs }: OutgoingCall, clock: Clock): number {
  return clock.now() + timeoutMs;
}

/** The callee sends its headers when it has let the call in. */
function opened(stream: ClientReadableStream<unknown>, call: OutgoingCall): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('metadata', () => resolve());
    stream.on('error', (error: Error) => reject(errorIn(error, call)));
  });
}

async function* received(
  stream: ClientReadableStream<unknown>,
  call: OutgoingCall,
): AsyncIterable<unknown> {
  try {
    // The stream reads on only as fast as it is asked: HTTP/2's window holds the callee back.
    for await (const message of stream) yield message;
  } catch (error) {
    if (!call.signal.aborted) throw errorIn(error as Error, call);
  } finally {
    stream.cancel();
  }
}

function errorIn(error: Error, { signal, method }: OutgoingCall): unknown {
  if (signal.aborted) return signal.reason;
  return errorOfStatus(error as ServiceError, method.path);
}

interface Channel {
  /** For the next call. */
  client(): Client;
  close(): void;
}

/**
 * grpc-js waits for ever on a peer that accepts TCP and never speaks. Calls are ended by their
 * deadline; this gives the connection up as well, so that a peer which recovered is met at once.
 */
function openChannel({ address, ca, runtime }: GrpcTransportOptions): Channel {
  const line = ca
    ? secureTarget(address, { ca })
    : { credentials: credentials.createInsecure(), options: {} };
  const open = (): Client =>
    new Client(address, line.credentials, {
      ...grpcChannelOptions(),
      ...line.options,
      'grpc.use_local_subchannel_pool': 1,
    });
  let client = open();
  let connectingSinceMs: number | undefined;
  let closed = false;
  return {
    client() {
      if (closed) throw new AppError('UNAVAILABLE', 'this process is stopping');
      const state = client.getChannel().getConnectivityState(true);
      const nowMs = runtime.clock.monotonicMs();
      if (state === connectivityState.READY) {
        connectingSinceMs = undefined;
        return client;
      }
      connectingSinceMs ??= nowMs;
      if (nowMs - connectingSinceMs < CONNECT_MS_MAX) return client;
      const stuck = client;
      client = open();
      connectingSinceMs = nowMs;
      stuck.close();
      return client;
    },
    close() {
      closed = true;
      client.close();
    },
  };
}
