import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openSqliteSessions } from './session-persistence.sqlite.ts';
import type { MqttPacket } from './session-persistence.ts';

/**
 * Retains, queues and sends until it kills itself at a step, the given time that it reaches it.
 * Everything that a client could have been told is on stdout before anything else happens.
 */
const [path, step, timesText] = process.argv.slice(2);
let times = Number(timesText);
const runtime = testRuntime({
  steps: {
    reach(name) {
      if (name === step && --times === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
});
const sessions = openSqliteSessions({ path: path!, runtime, expiryHours: 1 });
await sessions.setup({ id: 'b1' });
const reader = { id: 'reader', clean: false };
const topic = { topic: 'a/#', qos: 2, rh: 0, rap: true, nl: false };
await sessions.addSubscriptions(reader, [topic]);
process.stdout.write('subscribed 0\n');

for (let round = 1; ; round++) {
  const writer = { id: 'writer', clean: false };
  const packet: MqttPacket = {
    cmd: 'publish',
    topic: `a/${round % 3}`,
    payload: Buffer.from(`${round}`),
    qos: 2,
    retain: true,
    messageId: round,
  };
  await sessions.prepare(writer, packet)!();
  process.stdout.write(`acknowledged ${round}\n`);
  const delivered = { ...packet, brokerId: 'b1', brokerCounter: round };
  await sessions.outgoingUpdate(reader, { ...delivered, messageId: 1000 + round });
  process.stdout.write(`sent ${round}\n`);
  await sessions.incomingDelPacket(writer, { cmd: 'pubrel', messageId: round });
  process.stdout.write(`released ${round}\n`);
}
