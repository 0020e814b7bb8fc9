import type { GrpcService } from '@holdfast/shared/runtime/grpc.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Api } from './platform/http/api.ts';
import type { PeerService } from './platform/peer/peer.ts';
import type { ChannelDefinition } from './platform/websocket/websocket.ts';

/** What a service hands to the wiring: its life, its HTTP paths and its gRPC handlers. */
export interface ServiceHandle {
  readonly module: Module;
  readonly routes?: (api: Api) => void;
  readonly grpc?: readonly GrpcService[];
  /** What other services may call: in this process without a socket, else on the internal port. */
  readonly peers?: readonly PeerService[];
  /** What people may watch at /v1/ws. */
  readonly channels?: readonly ChannelDefinition[];
  /** Ends streams that would last as long as the process, before the gRPC listener closes. */
  readonly drain?: () => Promise<void>;
}
