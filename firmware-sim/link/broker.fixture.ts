import { createServer, type Server, type Socket } from 'node:net';
import {
  parser as createParser,
  generate,
  type IConnectPacket,
  type IPublishPacket,
  type Packet,
} from 'mqtt-packet';

/**
 * A broker that does what the test says: records, acknowledges or stays silent, refuses, cuts
 * lines.
 */
export interface ScriptedBroker {
  readonly url: string;
  readonly connects: readonly IConnectPacket[];
  /** Every PUBLISH in order of arrival, repeats included. */
  readonly publishes: readonly IPublishPacket[];
  /** Open lines. */
  readonly lineCount: number;
  /** While false, nothing is acknowledged. */
  acknowledges: boolean;
  /** Answer to CONNECT; 0 accepts. */
  returnCode: number;
  /** Cuts every line. */
  cut(): void;
  /** Listens again on the same port after `close`. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export async function scriptedBroker(): Promise<ScriptedBroker> {
  const sockets = new Set<Socket>();
  const connects: IConnectPacket[] = [];
  const publishes: IPublishPacket[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A cut line is what some tests are about.
    socket.on('error', () => undefined);
    const parser = createParser({ protocolVersion: 4 });
    parser.on('packet', (packet: Packet) => answer(packet, socket));
    socket.on('data', (data) => parser.parse(data));
  });

  const answer = (packet: Packet, socket: Socket): void => {
    if (packet.cmd === 'connect') connects.push(packet);
    if (packet.cmd === 'publish') publishes.push(packet);
    const reply = replyTo(packet, broker);
    if (reply) socket.write(generate(reply));
    if (packet.cmd === 'disconnect' || broker.returnCode !== 0) socket.end();
  };

  const port = await listen(server, 0);
  const broker: ScriptedBroker = {
    url: `mqtt://127.0.0.1:${port}`,
    connects,
    publishes,
    get lineCount() {
      return sockets.size;
    },
    acknowledges: true,
    returnCode: 0,
    cut: () => sockets.forEach((socket) => void socket.destroy()),
    reopen: async () => void (await listen(server, port)),
    close: () => closeServer(server, sockets),
  };
  return broker;
}

function replyTo(packet: Packet, { returnCode, acknowledges }: ScriptedBroker): Packet | undefined {
  if (packet.cmd === 'connect') return { cmd: 'connack', returnCode, sessionPresent: false };
  if (packet.cmd === 'pingreq') return { cmd: 'pingresp' };
  if (!acknowledges || packet.messageId === undefined) return undefined;
  const { messageId } = packet;
  if (packet.cmd === 'publish' && packet.qos === 1) return { cmd: 'puback', messageId };
  if (packet.cmd === 'publish' && packet.qos === 2) return { cmd: 'pubrec', messageId };
  return packet.cmd === 'pubrel' ? { cmd: 'pubcomp', messageId } : undefined;
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}
