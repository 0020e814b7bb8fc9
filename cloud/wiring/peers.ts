import type { ServiceDefinition } from '@grpc/grpc-js';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { createServiceTokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import type { GrpcServer } from '@holdfast/shared/runtime/grpc.ts';
import { isLoopback } from '@holdfast/shared/runtime/http-server.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { JSONWebKeySet } from 'jose';
import type { ServerCertificate } from '../platform/certificate-authority/server-certificate.ts';
import type { PeerClient, PeerService } from '../platform/peer/peer.ts';
import { createPeerClient, type ServiceTokenSource } from '../platform/peer/peer-client.ts';
import { createPeerHost, type PeerHost } from '../platform/peer/peer-host.ts';
import { openPeerLine, type PeerLine } from '../platform/peer/peer-line.ts';
import type { PeerTransport } from '../platform/peer/peer-transport.ts';
import {
  createCallerVerifier,
  createServiceTokens,
  type ServiceToken,
} from '../platform/peer/service-token.ts';
import type { CloudSettings } from '../settings.ts';
import type { TargetName } from '../targets.ts';

/** The targets that are asked by gRPC, with an address of their own in the settings. */
export type GrpcPeer = Exclude<keyof CloudSettings['peers'], 'auth'>;

export interface PeerWires {
  /** A client of `peer` for the target `from`: in this process when the peer runs here. */
  client<D extends ServiceDefinition>(
    from: TargetName,
    peer: GrpcPeer,
    definition: D,
  ): Promise<PeerClient<D>>;
  /** What the services of this process offer. */
  offer(services: readonly PeerService[]): void;
  /** Undefined when nobody offers anything. */
  listener(): InternalListener | undefined;
  /** After the services stopped. */
  close(): Promise<void>;
}

/** Port 8091: service tokens only. */
export interface InternalListener {
  open(): Promise<GrpcServer>;
  /** Ends the streams, before the listener closes. */
  drain(): void;
}

export interface PeerWiring {
  readonly targets: readonly TargetName[];
  readonly settings: CloudSettings;
  readonly runtime: Runtime;
  readonly jwks: () => Promise<JSONWebKeySet>;
  /** A token that names the target; signed here or asked of `auth`. */
  readonly issue: (target: TargetName) => Promise<ServiceToken>;
  readonly serverCertificate: () => Promise<ServerCertificate>;
  /** PEM. */
  readonly authorityCertificate: () => Promise<string>;
}

export function wirePeers(wiring: PeerWiring): PeerWires {
  const { settings, runtime, targets, jwks } = wiring;
  const { clock } = runtime;
  const lines = new Map<GrpcPeer, PeerLine>();
  const channels = new Map<GrpcPeer, Promise<PeerTransport>>();
  const tokens = new Map<TargetName, ServiceTokenSource>();
  const hosts: PeerHost[] = [];
  const verifier = createCallerVerifier(createServiceTokenVerifier({ jwks, clock }), clock);

  const inThisProcess = async (definition: ServiceDefinition): Promise<PeerTransport> => {
    const { openInProcessTransport } = await import('../platform/peer/peer.in-process.ts');
    const host = (): PeerHost | undefined => hosts.find((each) => each.definition === definition);
    return openInProcessTransport({ host, runtime });
  };
  const transportTo = (peer: GrpcPeer, definition: ServiceDefinition): Promise<PeerTransport> =>
    (targets as readonly string[]).includes(peer)
      ? inThisProcess(definition)
      : ensured(channels, peer, () => openChannel(wiring, settings.peers[peer]));
  return {
    async client(from, peer, definition) {
      const transport = await transportTo(peer, definition);
      return createPeerClient(definition, {
        transport,
        line: ensured(lines, peer, () => openPeerLine({ peer, metrics: runtime.metrics })),
        tokens: ensured(tokens, from, () =>
          createServiceTokens({ issue: () => wiring.issue(from), clock }),
        ),
        runtime,
      });
    },
    offer(services) {
      for (const service of services) hosts.push(createPeerHost({ service, verifier, runtime }));
    },
    listener: () => (hosts.length > 0 ? listenerOf(wiring, hosts) : undefined),
    async close() {
      for (const channel of channels.values()) (await channel).close();
    },
  };
}

function ensured<K, V>(held: Map<K, V>, key: K, make: () => V): V {
  const value = held.get(key) ?? make();
  held.set(key, value);
  return value;
}

async function openChannel(wiring: PeerWiring, address: string): Promise<PeerTransport> {
  const { openGrpcTransport } = await import('../platform/peer/peer.grpc.ts');
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const ca = isLoopback(host) ? undefined : await wiring.authorityCertificate();
  return openGrpcTransport({ address, ca, runtime: wiring.runtime });
}

function listenerOf(wiring: PeerWiring, hosts: readonly PeerHost[]): InternalListener {
  const { runtime, settings } = wiring;
  let endStreams = (): void => {};
  return {
    async open() {
      const { serveGrpc } = await import('@holdfast/shared/runtime/grpc.ts');
      const { serveOnGrpc } = await import('../platform/peer/peer.grpc.server.ts');
      const { services, drain } = serveOnGrpc({ hosts, runtime });
      endStreams = drain;
      const { host, port } = settings.internal;
      return serveGrpc({
        services,
        host,
        port,
        setting: 'internal.port',
        ...(isLoopback(host) ? {} : { tls: await wiring.serverCertificate() }),
        clients: 'any',
        clock: runtime.clock,
      });
    },
    drain: () => endStreams(),
  };
}

/** Asks `auth` in another process, with the secret that the processes of an installation share. */
export async function fetchServiceToken(options: {
  readonly url: string;
  readonly target: TargetName;
  readonly secret: Uint8Array;
  readonly nowMs: number;
}): Promise<ServiceToken> {
  const { requestJson } = await import('@holdfast/shared/runtime/outbound.ts');
  const { serviceTokenAnswerSchema } = await import('@holdfast/shared/contracts/service-token.ts');
  const { url, target, secret, nowMs } = options;
  const answer = await requestJson({
    url: `${url}/v1/auth/service-token`,
    body: { client: target, secret: Buffer.from(secret).toString('base64url') },
    timeoutMs: 3_000,
  });
  const parsed = serviceTokenAnswerSchema.safeParse(answer.body);
  if (answer.status === 200 && parsed.success) {
    const { accessToken, expiresInSeconds } = parsed.data;
    return { token: accessToken, expiresAtMs: nowMs + expiresInSeconds * 1000 };
  }
  const message = `no service token at ${url} (status ${answer.status})`;
  throw new AppError('UNAVAILABLE', message, { operatorOnly: true });
}
