import type { ServiceDefinition } from '@grpc/grpc-js';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { withDeadline } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { CALL_TIMEOUT_MS, type PeerCallOptions, type PeerClient } from './peer.ts';
import type { PeerLine } from './peer-line.ts';
import type { AnyMethod, OutgoingCall, PeerTransport } from './peer-transport.ts';

/** The service token of this process's target, signed or fetched anew before it expires. */
export interface ServiceTokenSource {
  /** The value of the header: `Bearer …`; undefined is for tests of callees. */
  authorization(): string | undefined | Promise<string>;
}

export interface PeerClientOptions {
  readonly transport: PeerTransport;
  readonly line: PeerLine;
  readonly tokens: ServiceTokenSource;
  readonly runtime: Pick<Runtime, 'clock' | 'tracing'>;
}

/** The client side of the contract in peer.ts, over any transport. */
export function createPeerClient<D extends ServiceDefinition>(
  definition: D,
  options: PeerClientOptions,
): PeerClient<D> {
  const methods = Object.entries(definition).map(([name, method]) => {
    const at: CalledMethod = { ...options, name, method };
    const call = method.responseStream
      ? (request: unknown, how: StreamCallOptions) => callStream(at, request, how)
      : (request: unknown, how: PeerCallOptions) => callUnary(at, request, how);
    return [name, call];
  });
  return Object.fromEntries(methods) as PeerClient<D>;
}

interface CalledMethod extends PeerClientOptions {
  readonly name: string;
  readonly method: AnyMethod;
}

type StreamCallOptions = PeerCallOptions & { readonly signal: AbortSignal };

function callUnary(at: CalledMethod, request: unknown, how: PeerCallOptions): Promise<unknown> {
  const controller = new AbortController();
  return counted(at, () =>
    attempts(at, { request, how, controller }, (call) => at.transport.unary(call)),
  );
}

/** Counted and waited for until it is open; from then on it lasts until its signal is aborted. */
async function* callStream(
  at: CalledMethod,
  request: unknown,
  how: StreamCallOptions,
): AsyncIterable<unknown> {
  const controller = new AbortController();
  const end = (): void => controller.abort(how.signal.reason);
  if (how.signal.aborted) return;
  how.signal.addEventListener('abort', end, { once: true });
  try {
    const stream = await counted(at, () =>
      attempts(at, { request, how, controller }, (call) => at.transport.stream(call)),
    );
    yield* stream;
  } catch (error) {
    if (!how.signal.aborted) throw error;
  } finally {
    how.signal.removeEventListener('abort', end);
    controller.abort();
  }
}

interface Asked {
  readonly request: unknown;
  readonly how: PeerCallOptions;
  readonly controller: AbortController;
}

/** Attempts within one deadline, each with the time that is left. */
function attempts<T>(
  at: CalledMethod,
  { request, how, controller }: Asked,
  attempt: (call: OutgoingCall) => Promise<T>,
): Promise<T> {
  const { line, tokens, name, method, runtime } = at;
  const { clock, tracing } = runtime;
  const { signal } = controller;
  const ms = Math.min(how.timeoutMs ?? CALL_TIMEOUT_MS, CALL_TIMEOUT_MS);
  const until = clock.monotonicMs() + ms;
  const { tenant, actor } = how.scope;
  const attributes = { 'rpc.service': line.peer, 'rpc.method': name };
  return tracing.span('peer.call', { kind: 'client', attributes }, ({ traceparent }) => {
    const once = async (): Promise<T> => {
      const authorization = await tokens.authorization();
      const headers = { authorization, tenant, actor, traceparent };
      const timeoutMs = Math.max(1, until - clock.monotonicMs());
      return attempt({ method, name, request, headers, signal, timeoutMs });
    };
    const late = (): Error => {
      const error = new AppError('DEADLINE_EXCEEDED', `no answer of ${line.peer} in ${ms} ms`);
      controller.abort(error);
      return error;
    };
    return withDeadline(line.run(once, signal), { clock, ms, late });
  });
}

async function counted<T>({ line, name }: CalledMethod, call: () => Promise<T>): Promise<T> {
  line.began();
  let code = 'INTERNAL';
  try {
    const answer = await call();
    code = 'OK';
    return answer;
  } catch (error) {
    if (error instanceof AppError) code = error.code;
    throw error;
  } finally {
    line.ended(name, code);
  }
}
