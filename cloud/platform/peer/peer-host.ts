import type { ServiceDefinition } from '@grpc/grpc-js';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { PeerCall, PeerService } from './peer.ts';
import { type AnyMethod, type CallHeaders, methodUnknown } from './peer-transport.ts';

const SCOPE_CHARS_MAX = 200;

/** Who calls, by the token of the call. Throws TOKEN_MISSING or TOKEN_INVALID. */
export interface CallerVerifier {
  callerOf(authorization: string | undefined): string | Promise<string>;
}

export interface ArrivedCall {
  readonly headers: CallHeaders;
  readonly signal: AbortSignal;
}

/** The callee's side of the contract in peer.ts, under any transport. */
export interface PeerHost {
  readonly definition: ServiceDefinition;
  /** The method of that name, if both sides mean the same by it. */
  method(name: string, path: string): AnyMethod;
  unary(name: string, request: unknown, call: ArrivedCall): Promise<unknown>;
  /** Resolves when the call is let in. */
  stream(name: string, request: unknown, call: ArrivedCall): Promise<AsyncIterable<unknown>>;
}

export interface PeerHostOptions {
  readonly service: PeerService;
  readonly verifier: CallerVerifier;
  readonly runtime: Pick<Runtime, 'tracing'>;
}

type Handler<R> = (request: unknown, call: PeerCall) => R;

export function createPeerHost({ service, verifier, runtime }: PeerHostOptions): PeerHost {
  const { definition, callers } = service;
  const handlers = service.handlers as Readonly<Record<string, unknown>>;
  const admit = async ({ headers, signal }: ArrivedCall): Promise<PeerCall> => {
    const { tenant, actor, authorization } = headers;
    const caller = await verifier.callerOf(authorization);
    if (!callers.includes(caller)) {
      throw new AppError('FORBIDDEN', `the service ${caller} may not call this`);
    }
    return { caller, scope: { tenant: scopeName(tenant), actor: scopeName(actor) }, signal };
  };
  const spanOf = ({ headers }: ArrivedCall, name: string) =>
    ({
      kind: 'server',
      parent: headers.traceparent,
      attributes: { 'rpc.method': name, 'holdfast.tenant': headers.tenant },
    }) as const;
  return {
    definition,
    method(name, path) {
      const method = Object.hasOwn(definition, name) ? definition[name] : undefined;
      if (method?.path !== path) throw methodUnknown(path);
      return method;
    },
    unary: (name, request, arrived) =>
      runtime.tracing.span('peer.handle', spanOf(arrived, name), async () => {
        const call = await admit(arrived);
        return (handlers[name] as Handler<Promise<unknown>>)(request, call);
      }),
    stream: (name, request, arrived) =>
      runtime.tracing.span('peer.handle', spanOf(arrived, name), async () => {
        const call = await admit(arrived);
        return (handlers[name] as Handler<AsyncIterable<unknown>>)(request, call);
      }),
  };
}

function scopeName(text: string): string {
  if (text !== '' && text.length <= SCOPE_CHARS_MAX) return text;
  const message = `a call names its tenant and its actor, of 1 to ${SCOPE_CHARS_MAX} characters`;
  throw new AppError('REQUEST_INVALID', message);
}
