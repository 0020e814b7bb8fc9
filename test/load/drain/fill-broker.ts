import { connect, type Socket } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';
import { sensorMessages } from '../footprint/sensor-messages.ts';
import type { Fill } from './fill.ts';

const IN_FLIGHT_MAX = 2_000;
const PACKET_ID_MAX = 65_535;

/** Publishes with QoS 1; resolves when the last message is acknowledged. */
export async function fillBroker(fill: Fill, port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const window = acknowledgements(socket);
  socket.write(generate({ cmd: 'connect', clientId: 'bench-fill', clean: true, keepalive: 0 }));
  await window.until(() => window.isConnected);
  let sent = 0;
  for await (const { message } of sensorMessages(fill)) {
    const { topic } = message;
    const payload = Buffer.from(message.payload);
    const messageId = (sent % PACKET_ID_MAX) + 1;
    const frame = { cmd: 'publish', qos: 1, dup: false, retain: false } as const;
    socket.write(generate({ ...frame, topic, payload, messageId }));
    if (++sent === fill.messages) break;
    if (sent - window.acknowledged >= IN_FLIGHT_MAX)
      await window.until(() => sent - window.acknowledged < IN_FLIGHT_MAX / 2);
  }
  await window.until(() => window.acknowledged === sent);
  socket.end(generate({ cmd: 'disconnect' }));
}

interface Window {
  readonly isConnected: boolean;
  readonly acknowledged: number;
  until(condition: () => boolean): Promise<void>;
}

function acknowledgements(socket: Socket): Window {
  const parsing = parser();
  let isConnected = false;
  let acknowledged = 0;
  let waiting: { condition: () => boolean; resolve: () => void } | undefined;
  let failed: ((error: Error) => void) | undefined;
  const look = (): void => {
    if (!waiting?.condition()) return;
    waiting.resolve();
    waiting = undefined;
  };
  parsing.on('packet', ({ cmd }: Packet) => {
    if (cmd === 'connack') isConnected = true;
    if (cmd === 'puback') acknowledged++;
  });
  socket.on('data', (bytes) => {
    parsing.parse(bytes);
    look();
  });
  socket.on('error', (error) => failed?.(error));
  socket.on('close', () => failed?.(new Error('the broker closed the connection')));
  return {
    get isConnected() {
      return isConnected;
    },
    get acknowledged() {
      return acknowledged;
    },
    until: (condition) =>
      new Promise((resolve, reject) => {
        failed = reject;
        waiting = { condition, resolve };
        look();
      }),
  };
}
