import type { GrpcServer } from '@holdfast/shared/runtime/grpc.ts';
import { addOperations, createApp, type HttpApp } from '@holdfast/shared/runtime/http.ts';
import { type HttpServer, serveHttp } from '@holdfast/shared/runtime/http-server.ts';
import { createModules, type Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { createApi } from './platform/http/api.ts';
import { addDocs } from './platform/http/docs.ts';
import { createRateLimiter } from './platform/http/rate-limit.ts';
import type { CloudSettings } from './settings.ts';
import { TARGETS, type TargetName } from './targets.ts';
import type { InternalListener } from './wiring/peers.ts';
import type { Decoration } from './wiring/ports.ts';
import { type CloudParts, wireServices } from './wiring.ts';

export const VERSION = '0.1.0';

export interface CloudProcess {
  readonly httpPort: number;
  readonly grpcPort: number | undefined;
  /** Where other processes call the services of this one. */
  readonly internalPort: number | undefined;
  /** Drains: readiness fails first, then listeners close, services stop, ports close. */
  stop(): Promise<void>;
}

export interface CloudOptions {
  readonly targets: readonly TargetName[];
  readonly settings: CloudSettings;
  readonly runtime: Runtime;
  readonly decoration?: Decoration;
}

/**
 * Starts the services of one process and their listeners. Throws after stopping what had started.
 */
export async function startCloud(options: CloudOptions): Promise<CloudProcess> {
  const { targets, settings, runtime } = options;
  const parts = await wireServices(targets, options);
  const listeners = createListeners(parts, options);
  const services = parts.services.map((service) => service.module);
  const names = services.map((module) => module.name);
  const modules = createModules([...services, ...listeners.modules(names)], {
    clock: runtime.clock,
    log: runtime.log,
  });
  let draining = false;
  addOperations(listeners.app, {
    runtime,
    version: VERSION,
    status: modules.status,
    draining: () => draining,
  });
  const stop = async (): Promise<void> => {
    draining = true;
    await modules.stop();
    await parts.close();
    await runtime.tracing.stop();
  };
  try {
    await modules.start();
  } catch (cause) {
    // Why it could not start is what a person has to know.
    const failed = (err: unknown): void => runtime.log.error({ err }, 'did not stop cleanly');
    await stop().catch(failed);
    throw cause;
  }
  const ports = listeners.ports();
  runtime.log.info({ targets, ...ports, region: settings.region }, 'cloud ready');
  return { ...ports, stop };
}

/** The paths of all services of this process, and the document of them. */
function createPaths(parts: CloudParts, { settings, runtime }: CloudOptions): HttpApp {
  const app = createApp(runtime);
  const { clock } = runtime;
  const limiter = createRateLimiter({ kv: parts.kv, clock, settings: settings.http.rateLimits });
  const api = createApi({ app, verifier: parts.verifier, limiter });
  for (const service of parts.services) service.routes?.(api);
  parts.webSockets?.addRoutes(api);
  addDocs(api, VERSION);
  return app;
}

function createListeners(parts: CloudParts, options: CloudOptions) {
  const { targets, settings, runtime } = options;
  const app = createPaths(parts, options);
  const grpcServices = parts.services.flatMap((service) => service.grpc ?? []);
  let http: HttpServer | undefined;
  let grpc: GrpcServer | undefined;
  const internal = parts.internal && internalModule(parts.internal);
  // Only a process that already holds the authority's secrets shows a certificate of it.
  const certified = targets.some((name) => TARGETS[name].ports.includes('certificate-authority'));
  const httpModule = (needs: readonly string[]): Module => ({
    name: 'http',
    needs,
    async start() {
      const { host, port } = settings.http;
      const tls = certified ? { tls: await parts.serverCertificate() } : {};
      const upgrade = parts.webSockets ? { upgrade: parts.webSockets.upgrade } : {};
      http = await serveHttp(app, { host, port, setting: 'http.port', ...tls, ...upgrade });
    },
    async stop() {
      await parts.webSockets?.drain();
      await http?.close();
    },
  });
  const grpcModule = (needs: readonly string[]): Module => ({
    name: 'grpc',
    needs,
    async start() {
      const { serveGrpc } = await import('@holdfast/shared/runtime/grpc.ts');
      const { host, port } = settings.edgeLink;
      grpc = await serveGrpc({
        services: grpcServices,
        host,
        port,
        setting: 'edgeLink.port',
        tls: await parts.serverCertificate(),
        clients: 'certified',
        clock: runtime.clock,
      });
    },
    async stop() {
      await Promise.all(parts.services.map((service) => service.drain?.()));
      await grpc?.close();
    },
  });
  return {
    app,
    modules: (needs: readonly string[]): Module[] => [
      ...(internal ? [internal.module(needs)] : []),
      ...(grpcServices.length > 0 ? [grpcModule(needs)] : []),
      httpModule(needs),
    ],
    ports: () => ({ httpPort: http!.port, grpcPort: grpc?.port, internalPort: internal?.port() }),
  };
}

function internalModule(listener: InternalListener) {
  let server: GrpcServer | undefined;
  const module = (needs: readonly string[]): Module => ({
    name: 'internal',
    needs,
    async start() {
      server = await listener.open();
    },
    async stop() {
      listener.drain();
      await server?.close();
    },
  });
  return { module, port: () => server?.port };
}
