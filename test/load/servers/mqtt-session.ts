import { connect } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';

const ANSWER_MS_MAX = 5_000;

/** Resolves when an MQTT server accepts a client on this port of loopback. */
export async function greet(port: number): Promise<void> {
  await converse(port, { clientId: 'bench-greeting', clean: true });
}

/** Leaves a session behind that wants every message of the load, with QoS 1. */
export async function leaveKeeper(port: number): Promise<void> {
  await converse(port, { clientId: 'bench-keeper', clean: false, subscribeTo: 'devices/#' });
}

interface Conversation {
  readonly clientId: string;
  readonly clean: boolean;
  readonly subscribeTo?: string;
}

function converse(port: number, wanted: Conversation): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const parsing = parser();
    const done = (): void => void socket.end(generate({ cmd: 'disconnect' }), () => resolve());
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`no answer on port ${port}`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`port ${port} closed the connection`)));
    socket.on('data', (bytes) => void parsing.parse(bytes));
    parsing.on('error', reject);
    parsing.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connack' && packet.returnCode !== 0)
        socket.destroy(new Error(`refused with ${packet.returnCode}`));
      else if (packet.cmd === 'connack' && wanted.subscribeTo !== undefined)
        socket.write(subscribe(wanted.subscribeTo));
      else if (packet.cmd === 'connack') done();
      else if (packet.cmd === 'suback' && packet.granted[0] === 1) done();
      else socket.destroy(new Error(`unexpected ${packet.cmd}`));
    });
    const { clientId, clean } = wanted;
    socket.write(generate({ cmd: 'connect', clientId, clean, keepalive: 60 }));
  });
}

function subscribe(topic: string): Buffer {
  return generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] });
}
