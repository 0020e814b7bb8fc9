import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { generate, type Packet, parser } from 'mqtt-packet';

const RETRY_MS = 2;
const ANSWER_MS_MAX = 60_000;

/** Resolves when a message of QoS 1 was acknowledged on this port; asks until somebody listens. */
export async function firstPuback(port: number, running: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + ANSWER_MS_MAX;
  while (performance.now() < deadlineMs) {
    if (await isAcknowledged(port)) return;
    if (!running()) throw new Error('the gateway ended before it acknowledged');
    await sleep(RETRY_MS);
  }
  throw new Error(`nothing was acknowledged within ${ANSWER_MS_MAX} ms`);
}

/** False when nobody listens yet. */
function isAcknowledged(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const parsing = parser();
    const publish = {
      cmd: 'publish',
      messageId: 1,
      qos: 1,
      dup: false,
      retain: false,
      topic: 'devices/bench-first/telemetry/load',
      payload: '{"value":1}',
    } as const;
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`no answer on port ${port}`)));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') resolve(false);
      else reject(error);
    });
    socket.on('close', () => resolve(false));
    socket.on('data', (bytes) => void parsing.parse(bytes));
    parsing.on('error', reject);
    parsing.on('packet', ({ cmd }: Packet) => {
      if (cmd === 'connack') socket.write(generate(publish));
      if (cmd !== 'puback') return;
      resolve(true);
      socket.end(generate({ cmd: 'disconnect' }));
    });
    socket.write(generate({ cmd: 'connect', clientId: 'bench-first', clean: true, keepalive: 60 }));
  });
}
