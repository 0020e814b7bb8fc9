import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { FailureLog } from '@holdfast/shared/runtime/failure-log.ts';
import { GRPC_MESSAGE_BYTES_MAX } from '@holdfast/shared/runtime/grpc.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { errorOf, errorReplyOf, reportFailure } from './call-error.ts';
import type { PeerHost } from './peer-host.ts';
import { type OutgoingCall, type PeerTransport, tooLarge } from './peer-transport.ts';

export interface InProcessOptions {
  /** The service in this process; undefined as long as it is not there. */
  readonly host: () => PeerHost | undefined;
  readonly runtime: Pick<Runtime, 'clock' | 'log'>;
}

/** Calls within one process: no socket, and nothing else that a caller could tell from gRPC. */
export function openInProcessTransport({ host, runtime }: InProcessOptions): PeerTransport {
  const failures = new FailureLog(runtime);
  const present = (): PeerHost => {
    const found = host();
    if (!found) throw new AppError('UNAVAILABLE', 'the service is not there yet');
    return found;
  };
  /** An error leaves a copy of what may be told, and the rest stays in the callee's log. */
  const crossing = (error: unknown, call: OutgoingCall): AppError => {
    reportFailure(failures, error, call.method.path);
    return errorOf(errorReplyOf(error));
  };
  return {
    async unary(call) {
      try {
        const callee = present();
        const request = arrive(callee, call);
        const answer = callee.unary(call.name, request, call);
        return returned(callee, call, await unlessAborted(answer, call.signal));
      } catch (error) {
        throw crossing(error, call);
      }
    },
    async stream(call) {
      try {
        const callee = present();
        const answers = await callee.stream(call.name, arrive(callee, call), call);
        return cross(answers, { callee, call, crossing });
      } catch (error) {
        throw crossing(error, call);
      }
    },
    close() {},
  };
}

function arrive(callee: PeerHost, { name, method, request }: OutgoingCall): unknown {
  const bytes = method.requestSerialize(request);
  if (bytes.byteLength > GRPC_MESSAGE_BYTES_MAX) throw tooLarge('request');
  return callee.method(name, method.path).requestDeserialize(bytes);
}

function returned(callee: PeerHost, { name, method }: OutgoingCall, answer: unknown): unknown {
  const bytes = callee.method(name, method.path).responseSerialize(answer);
  if (bytes.byteLength > GRPC_MESSAGE_BYTES_MAX) throw tooLarge('answer');
  return method.responseDeserialize(bytes);
}

interface Crossing {
  readonly callee: PeerHost;
  readonly call: OutgoingCall;
  readonly crossing: (error: unknown, call: OutgoingCall) => AppError;
}

async function* cross(
  answers: AsyncIterable<unknown>,
  { callee, call, crossing }: Crossing,
): AsyncIterable<unknown> {
  const iterator = answers[Symbol.asyncIterator]();
  try {
    while (!call.signal.aborted) {
      const next = await unlessAborted(iterator.next(), call.signal);
      if (next.done) return;
      yield returned(callee, call, next.value);
    }
  } catch (error) {
    if (!call.signal.aborted) throw crossing(error, call);
  } finally {
    // Not awaited: a callee that ignores the signal must not hold the caller.
    iterator.return?.().catch((error: unknown) => crossing(error, call));
  }
}

/** A callee that does not look at its signal holds nobody up; its answer is dropped. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
