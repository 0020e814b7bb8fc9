import { type AddressInfo, createServer, type Server } from 'node:net';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { ListenOptions, MqttListener } from './mqtt-listener.ts';

/** Plain MQTT over TCP. */
export async function listenTcp(options: ListenOptions): Promise<MqttListener> {
  const server = createServer({ noDelay: true }, (stream) => {
    options.accept({ stream, remoteAddress: stream.remoteAddress });
  });
  const port = await listen(server, options);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        // `close` calls back when the last connection is gone; that is its owner's work.
        server.close();
        resolve();
      }),
  };
}

function listen(server: Server, { host, port, setting }: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(refusal(cause)));
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });

  function refusal(cause: NodeJS.ErrnoException): AppError {
    const reason = `cannot listen on ${host}:${port}: ${cause.code ?? cause.message}`;
    const hint = `choose another address or port with the setting ${setting}`;
    const code = cause.code === 'EADDRINUSE' ? 'PORT_IN_USE' : 'UNAVAILABLE';
    return new AppError(code, reason, { cause, hint });
  }
}
