import type { GrpcService } from '@holdfast/shared/runtime/grpc.ts';
import type { HttpApp } from '@holdfast/shared/runtime/http.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';

/** What a service hands to the wiring: its life, its HTTP paths and its gRPC handlers. */
export interface ServiceHandle {
  readonly module: Module;
  readonly routes?: (app: HttpApp) => void;
  readonly grpc?: readonly GrpcService[];
  /** Ends streams that would last as long as the process, before the gRPC listener closes. */
  readonly drain?: () => Promise<void>;
}
