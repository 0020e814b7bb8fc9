import { addOperations, createApp } from '@holdfast/shared/runtime/http.ts';
import { type HttpServer, serveHttp } from '@holdfast/shared/runtime/http-server.ts';
import { createModules, type Module } from '@holdfast/shared/runtime/modules.ts';
import { addStatus } from './status.ts';
import { VERSION } from './version.ts';
import { type GatewayOptions, type GatewayParts, wireGateway } from './wiring.ts';

export interface GatewayProcess {
  readonly parts: GatewayParts;
  readonly pagesPort: number;
  stop(): Promise<void>;
}

/** Starts the gateway. Throws after stopping what had started. */
export async function startGateway(options: GatewayOptions): Promise<GatewayProcess> {
  const { settings, runtime } = options;
  const parts = wireGateway(options);
  const app = createApp(runtime);
  let http: HttpServer | undefined;
  const pages: Module = {
    name: 'pages',
    needs: [],
    async start() {
      http = await serveHttp(app, { ...settings.pages, setting: 'pages.port' });
    },
    stop: async () => http?.close(),
  };
  const modules = createModules([pages, ...parts.modules], {
    clock: runtime.clock,
    log: runtime.log,
  });
  let draining = false;
  addOperations(app, {
    runtime,
    version: VERSION,
    status: modules.status,
    draining: () => draining,
  });
  addStatus(app, parts, modules.status);
  const stop = async (): Promise<void> => {
    draining = true;
    await modules.stop();
    await runtime.tracing.stop();
  };
  try {
    await modules.start();
  } catch (cause) {
    const failed = (err: unknown): void => runtime.log.error({ err }, 'did not stop cleanly');
    // What was never started is open all the same, and would keep the process from ending.
    await stop()
      .then(() => parts.close())
      .catch(failed);
    throw cause;
  }
  runtime.log.info({ mqttPort: parts.broker.port(), pagesPort: http!.port }, 'gateway ready');
  return { parts, pagesPort: http!.port, stop };
}
