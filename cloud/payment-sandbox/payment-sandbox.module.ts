import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { OpenSql } from '@holdfast/shared/platform/sql/sql.ts';
import { type HttpServer, isLoopback, serveHttp } from '@holdfast/shared/runtime/http-server.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { ServiceHandle } from '../service.ts';
import { createSandboxApp } from './sandbox-app.ts';
import type { PaymentSandboxSettings } from './settings.ts';
import { PAYMENT_SANDBOX_TABLES, type SandboxTables } from './store/tables.ts';

/** Its tables. */
export { PAYMENT_SANDBOX_TABLES };

export interface PaymentSandboxDeps {
  readonly openSql: OpenSql;
  readonly settings: PaymentSandboxSettings;
  readonly account: { readonly username: string; readonly secretPassword: string };
  readonly runtime: Runtime;
}

export interface PaymentSandboxHandle extends ServiceHandle {
  /** Where it listens, once it does. */
  readonly url: () => string;
}

/** The target `payment-sandbox`: an acquirer for development and for tests. */
export async function openPaymentSandbox(deps: PaymentSandboxDeps): Promise<PaymentSandboxHandle> {
  const { settings, runtime } = deps;
  const { host, port } = settings;
  if (!isLoopback(host)) {
    throw new AppError('CONFIG_INVALID', 'paymentSandbox.host is for loopback only', {
      hint: 'it takes orders from whoever reaches it; let it listen on 127.0.0.1',
    });
  }
  const sql = await deps.openSql<SandboxTables>(PAYMENT_SANDBOX_TABLES);
  const app = await createSandboxApp({ ...deps, sql });
  let server: HttpServer | undefined;
  return {
    url: () => server?.url ?? '',
    module: {
      name: 'payment-sandbox',
      needs: [],
      async start() {
        server = await serveHttp(app, { host, port, setting: 'paymentSandbox.port' });
        runtime.log.info({ url: server.url }, 'payment sandbox ready');
      },
      async stop() {
        await server?.close();
        await sql.close();
      },
    },
  };
}
