import { X509Certificate } from 'node:crypto';
import { connectivityState, type ServiceError, status } from '@grpc/grpc-js';
import { EdgeLinkServiceClient } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link_service.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import { grpcChannelOptions, secureTarget } from '@holdfast/shared/runtime/grpc.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { GatewayCredentials } from '../identity/credentials.ts';
import type { Link, LinkEvents, OpenLink } from './link.ts';
import { linkError } from './link-error.ts';
import type { UplinkSettings } from './settings.ts';

export interface GrpcLinkOptions {
  readonly runtime: Pick<Runtime, 'clock'>;
  /** A peer that accepts TCP and never speaks is given up after `connectTimeoutMs`. */
  readonly settings: Pick<UplinkSettings, 'connectTimeoutMs'>;
}

/**
 * Streams over mutual TLS. Each has a channel of its own, so that no channel's back-off delays a
 * retry.
 */
export function grpcLinks(options: GrpcLinkOptions): OpenLink {
  return (identity, events) => openGrpcLink(identity, events, options);
}

function openGrpcLink(
  identity: GatewayCredentials,
  events: LinkEvents,
  { runtime, settings }: GrpcLinkOptions,
): Link {
  const { clock } = runtime;
  const client = clientOf(identity);
  const call = client.sync();
  const unsent = new Set<() => void>();
  let reason: AppError | undefined;
  let over = false;
  const connecting = clock.after(settings.connectTimeoutMs, () => {
    if (client.getChannel().getConnectivityState(false) === connectivityState.READY) return;
    cancel(new AppError('DEADLINE_EXCEEDED', 'the cloud accepts connections and does not speak'));
  });
  const finish = (error: AppError | undefined): void => {
    if (over) return;
    over = true;
    connecting.cancel();
    client.close();
    // grpc-js forgets the callbacks of frames that never left.
    for (const resolve of unsent) resolve();
    events.onEnd(error);
  };
  const cancel = (error: AppError): void => {
    reason ??= error;
    call.cancel();
  };
  call.on('metadata', () => {
    if (!over) events.onOpen();
  });
  call.on('data', (response) => {
    if (!over) events.onFrame(response);
  });
  call.on('error', (error: ServiceError) => finish(reason ?? errorOf(error, identity, clock)));
  // The status comes last, and for a call in good order it is the only thing that comes.
  call.on('status', ({ code }) => {
    if (code === status.OK) finish(reason);
  });
  return {
    send: (request) =>
      new Promise((resolve) => {
        if (over || call.writableEnded) return resolve();
        const left = (): void => {
          unsent.delete(left);
          resolve();
        };
        unsent.add(left);
        call.write(request, left);
      }),
    close: () => void call.end(),
    cancel,
  };
}

function clientOf(identity: GatewayCredentials): EdgeLinkServiceClient {
  const target = targetOf(identity.grpcUrl);
  const { credentials, options } = secureTarget(target, identity);
  return new EdgeLinkServiceClient(target, credentials, {
    ...grpcChannelOptions(),
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  });
}

/** `host:port`, as grpc-js wants it. */
function targetOf(grpcUrl: string): string {
  return grpcUrl.replace(/^[a-z]+:\/\//, '').replace(/\/+$/, '');
}

function errorOf(error: ServiceError, identity: GatewayCredentials, clock: Clock): AppError {
  const [code] = error.metadata?.get('holdfast-code') ?? [];
  const [retryAfter] = error.metadata?.get('holdfast-retry-after-ms') ?? [];
  const retryAfterMs = retryAfter ? Number(retryAfter) : undefined;
  const failure = { details: error.details, code: code?.toString(), retryAfterMs, cause: error };
  const expiresAtMs = new X509Certificate(identity.certificate).validToDate.getTime();
  return linkError(failure, { expiresAtMs, nowMs: clock.now() });
}
