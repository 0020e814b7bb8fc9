import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { widenHttp2Windows } from './http2-windows.ts';

const MIB = 1024 * 1024;

/** How much a client may send before the server reads anything. */
async function windowsOf(): Promise<{ connection?: number; stream?: number }> {
  const server = createServer((_request, response) => void response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.request({ ':path': '/' }).resume().end();
  // The server's first settings are its defaults; what it widens comes after.
  await once(client, 'remoteSettings');
  client.ping(() => {});
  await once(client.request({ ':path': '/' }).resume().end(), 'close');
  const stream = client.remoteSettings.initialWindowSize;
  const connection = client.state.remoteWindowSize;
  client.close();
  server.close();
  return { ...(stream && { stream }), ...(connection && { connection }) };
}

it('lets a client have more on the way, until it is undone', async () => {
  const undo = widenHttp2Windows(MIB);
  expect(await windowsOf()).toEqual({ connection: MIB, stream: MIB });
  undo();
  expect(await windowsOf()).toEqual({ connection: 65_535, stream: 65_535 });
});
