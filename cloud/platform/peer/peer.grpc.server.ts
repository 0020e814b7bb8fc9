import {
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { withDeadline } from '@holdfast/shared/runtime/clock.ts';
import { FailureLog } from '@holdfast/shared/runtime/failure-log.ts';
import type { GrpcService } from '@holdfast/shared/runtime/grpc.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { reportFailure } from './call-error.ts';
import { headersOf, statusOf } from './call-metadata.ts';
import { CALL_TIMEOUT_MS } from './peer.ts';
import type { PeerHost } from './peer-host.ts';
import type { AnyMethod } from './peer-transport.ts';

// biome-ignore lint/suspicious/noExplicitAny: messages of any service; each method has its own.
type UnaryCall = ServerUnaryCall<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above.
type StreamCall = ServerWritableStream<any, any>;

export interface GrpcHost {
  readonly services: readonly GrpcService[];
  /** Ends streams, which would last as long as the process. */
  drain(): void;
}

export interface GrpcHostOptions {
  readonly hosts: readonly PeerHost[];
  readonly runtime: Pick<Runtime, 'clock' | 'log'>;
}

interface Serving extends GrpcHostOptions {
  readonly host: PeerHost;
  readonly streams: Set<AbortController>;
  readonly failures: FailureLog;
}

/** Handlers for the internal gRPC listener. */
export function serveOnGrpc(options: GrpcHostOptions): GrpcHost {
  const streams = new Set<AbortController>();
  const failures = new FailureLog(options.runtime);
  const services = options.hosts.map((host) => {
    const serving: Serving = { ...options, host, streams, failures };
    const handlers = Object.entries(host.definition).map(([name, method]) => [
      name,
      method.responseStream ? streamHandler(serving, name) : unaryHandler(serving, name, method),
    ]);
    return { definition: host.definition, handlers: Object.fromEntries(handlers) };
  });
  return {
    services,
    drain() {
      const stopping = new AppError('UNAVAILABLE', 'the peer is stopping');
      for (const controller of streams) controller.abort(stopping);
    },
  };
}

function unaryHandler(
  { host, runtime, failures }: Serving,
  name: string,
  method: AnyMethod,
): UntypedHandleCall {
  return async (call: UnaryCall, callback: sendUnaryData<unknown>) => {
    const controller = new AbortController();
    call.on('cancelled', () => controller.abort(notAwaited()));
    // A caller's own deadline is shorter; who has none does not keep a handler for ever.
    const late = (): Error => {
      const error = new AppError('DEADLINE_EXCEEDED', `no answer in ${CALL_TIMEOUT_MS} ms`);
      controller.abort(error);
      return error;
    };
    try {
      refuseCertificates(call);
      const headers = headersOf(call.metadata);
      const work = host.unary(name, call.request, { headers, signal: controller.signal });
      const { clock } = runtime;
      callback(null, await withDeadline(work, { clock, ms: CALL_TIMEOUT_MS, late }));
    } catch (error) {
      reportFailure(failures, error, method.path);
      callback(statusOf(error));
    }
  };
}

function streamHandler(serving: Serving, name: string): UntypedHandleCall {
  const { host, streams, failures } = serving;
  return async (call: StreamCall) => {
    const controller = new AbortController();
    const { signal } = controller;
    call.on('cancelled', () => controller.abort(notAwaited()));
    streams.add(controller);
    try {
      refuseCertificates(call);
      const headers = headersOf(call.metadata);
      const answers = await host.stream(name, call.request, { headers, signal });
      // Told now: the first answer may be long in coming.
      call.sendMetadata(new Metadata());
      await send(call, answers, signal);
      if (signal.aborted) throw signal.reason;
      call.end();
    } catch (error) {
      if (!signal.aborted) reportFailure(failures, error, call.getPath());
      call.emit('error', statusOf(signal.aborted ? signal.reason : error));
    } finally {
      streams.delete(controller);
      controller.abort(notAwaited());
    }
  };
}

/** The callee is asked for the next answer when the caller has taken the one before. */
async function send(
  call: StreamCall,
  answers: AsyncIterable<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = answers[Symbol.asyncIterator]();
  const aborted = new Promise<'aborted'>((resolve) => {
    signal.addEventListener('abort', () => resolve('aborted'), { once: true });
  });
  try {
    while (!signal.aborted) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next === 'aborted' || next.done) return;
      if (call.write(next.value)) continue;
      await Promise.race([new Promise((resolve) => call.once('drain', resolve)), aborted]);
    }
  } finally {
    // Not awaited: a callee that ignores the signal must not hold the listener.
    if (signal.aborted) iterator.return?.().catch(() => {});
  }
}

/** Gateways and other holders of certificates have listeners of their own (port 8090). */
function refuseCertificates(call: UnaryCall | StreamCall): void {
  if (!call.getAuthContext().sslPeerCertificate) return;
  throw new AppError('FORBIDDEN', 'no certificate is let in here, only service tokens');
}

function notAwaited(): AppError {
  return new AppError('DEADLINE_EXCEEDED', 'the caller no longer waits');
}
