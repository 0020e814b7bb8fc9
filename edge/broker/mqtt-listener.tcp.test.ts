import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { listenTcp } from './mqtt-listener.tcp.ts';

it('listens, says who connects, and names the setting when the port is in use', async () => {
  const addresses: (string | undefined)[] = [];
  const options = { host: '127.0.0.1', port: 0, setting: 'mqtt.port' };
  const listener = await listenTcp({
    ...options,
    accept: ({ stream, remoteAddress }) => {
      addresses.push(remoteAddress);
      stream.destroy();
    },
  });
  const socket = connect(listener.port, '127.0.0.1');
  socket.on('error', () => {});
  await expect.poll(() => addresses).toEqual(['127.0.0.1']);
  const second = listenTcp({ ...options, port: listener.port, accept: () => {} });
  await expect(second).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    hint: expect.stringContaining('mqtt.port'),
  });
  socket.destroy();
  await listener.close();
});
