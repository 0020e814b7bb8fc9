import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import {
  type ChannelCredentials,
  type ChannelOptions,
  credentials,
  experimental,
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { AppError, toldOf } from '../lib/app-error.ts';
import { type Clock, withDeadline } from './clock.ts';
import { widenHttp2Windows } from './http2-windows.ts';

/**
 * One message in either direction. A block's body is at most 512 KiB, so that this leaves room for
 * its frame.
 */
export const GRPC_MESSAGE_BYTES_MAX = 1024 * 1024;
/** What a client may have on its way: 40 Mbit/s over a round trip of 200 ms. */
const WINDOW_BYTES = 1024 * 1024;
const CLOSE_TIMEOUT_MS = 3_000;

export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
}

export interface GrpcServerOptions {
  readonly services: readonly GrpcService[];
  readonly host: string;
  readonly port: number;
  /** The setting that chose the port, named when the port is in use. */
  readonly setting: string;
  /** PEM texts; without them the line is plain, for loopback only. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string };
  /**
   * `certified`: only clients with a certificate of `ca` are let in. `any`: a client may show a
   * certificate, and the handlers look at it.
   */
  readonly clients: 'certified' | 'any';
  readonly clock: Clock;
}

export interface GrpcServer {
  readonly port: number;
  /** Waits for running calls, then cuts them. */
  close(): Promise<void>;
}

export async function serveGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const server = new Server(grpcChannelOptions());
  for (const { definition, handlers } of options.services) server.addService(definition, handlers);
  const port = await bind(server, options, credentialsOf(options));
  const undoWindows = widenHttp2Windows(WINDOW_BYTES);
  return {
    port,
    async close() {
      await closeServer(server, options.clock);
      undoWindows();
    },
  };
}

function credentialsOf({ tls, clients }: GrpcServerOptions): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  const [key, cert, ca] = [tls.key, tls.cert, tls.ca].map((pem) => Buffer.from(pem));
  if (clients === 'certified') {
    return ServerCredentials.createSsl(ca!, [{ private_key: key!, cert_chain: cert! }], true);
  }
  // Who listens is told a turn later: grpc-js has not noted the listener yet when it adds it.
  const provider: experimental.CertificateProvider = {
    addCaCertificateListener: (listener) => queueMicrotask(() => listener({ caCertificate: ca! })),
    addIdentityCertificateListener: (listener) =>
      queueMicrotask(() => listener({ certificate: cert!, privateKey: key! })),
    removeCaCertificateListener() {},
    removeIdentityCertificateListener() {},
  };
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

function bind(
  server: Server,
  options: GrpcServerOptions,
  credentials: ServerCredentials,
): Promise<number> {
  const address = `${options.host}:${options.port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (cause, port) => {
      if (!cause) return resolve(port);
      reject(
        new AppError('PORT_IN_USE', `cannot listen on ${address}: ${cause.message}`, {
          cause,
          hint: `choose another port with the setting ${options.setting}`,
        }),
      );
    });
  });
}

async function closeServer(server: Server, clock: Clock): Promise<void> {
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  try {
    const late = (): Error => new AppError('DEADLINE_EXCEEDED', 'gRPC calls were still running');
    await withDeadline(closed, { clock, ms: CLOSE_TIMEOUT_MS, late });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    server.forceShutdown();
  }
}

/**
 * Limits and keepalive for both ends: a peer that is gone is noticed, a message never grows without
 * bound.
 */
export function grpcChannelOptions(): ChannelOptions {
  return {
    'grpc.max_receive_message_length': GRPC_MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': GRPC_MESSAGE_BYTES_MAX,
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 1_500,
  };
}

export interface SecureTarget {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/** For a client of `host:port` that trusts one authority; with a certificate of its own or none. */
export function secureTarget(
  target: string,
  pem: { readonly ca: string; readonly key?: string; readonly certificate?: string },
): SecureTarget {
  const host = target.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const [ca, key, certificate] = [pem.ca, pem.key, pem.certificate].map((text) =>
    text === undefined ? null : Buffer.from(text),
  );
  if (isIP(host) === 0) {
    return { credentials: credentials.createSsl(ca, key, certificate), options: {} };
  }
  // An address is no server name (RFC 6066 §3): this one is sent in its place, and the address is
  // what is checked.
  return {
    credentials: credentials.createSsl(ca, key, certificate, {
      checkServerIdentity: (_name, peer) => checkServerIdentity(host, peer),
    }),
    options: { 'grpc.ssl_target_name_override': 'localhost' },
  };
}

const STATUS_BY_HTTP: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  409: status.FAILED_PRECONDITION,
  412: status.FAILED_PRECONDITION,
  413: status.RESOURCE_EXHAUSTED,
  426: status.FAILED_PRECONDITION,
  429: status.RESOURCE_EXHAUSTED,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
};

/**
 * An error as a gRPC status; the code travels in the metadata as `holdfast-code`, and when to try
 * again as `holdfast-retry-after-ms`. Nothing internal
 * leaks.
 */
export function toGrpcStatus(thrown: unknown, metadata: Metadata): Partial<ServiceError> {
  if (!(thrown instanceof AppError)) {
    return { code: status.INTERNAL, details: 'internal error', metadata };
  }
  const error = toldOf(thrown);
  metadata.set('holdfast-code', error.code);
  if (error.retryAfterMs !== undefined)
    metadata.set('holdfast-retry-after-ms', String(error.retryAfterMs));
  const details = error.hint ? `${error.message}; ${error.hint}` : error.message;
  return { code: STATUS_BY_HTTP[error.status] ?? status.INTERNAL, details, metadata };
}
