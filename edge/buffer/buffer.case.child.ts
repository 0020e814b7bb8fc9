import { type Runtime, testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openBufferStore } from './buffer-file.sqlite.ts';
import { bufferSettingsSchema } from './buffer-settings.ts';
import { openBuffer } from './open-buffer.ts';

/**
 * Appends and seals until it kills itself at a step, the given time that it reaches it. Every
 * sequence that was acknowledged is on stdout before anything else happens.
 */
const [file, step, timesText, writes] = process.argv.slice(2);
let times = Number(timesText);
const runtime: Runtime = testRuntime({
  steps: {
    reach(name) {
      if (name === step && --times === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
});
const settings = bufferSettingsSchema.parse({});
const { buffer } = openBuffer(
  openBufferStore(file!, runtime, { writes: writes === 'thread' ? 'thread' : 'inline' }),
  { runtime, settings },
);

for (let round = 0; ; round++) {
  const appended = Array.from({ length: 5 }, (_, at) =>
    buffer.append({
      lane: 'telemetry',
      topic: 'devices/d1/telemetry/t',
      device: 'd1',
      channel: 't',
      payload: Buffer.from(`${round * 5 + at + 1}`),
      qos: 1,
      retain: false,
    }),
  );
  for (const outcome of await Promise.all(appended))
    if (outcome.kind === 'stored') process.stdout.write(`stored ${outcome.sequence}\n`);
  if (round % 3 === 2) await buffer.seal('telemetry');
  if (round % 6 === 5) {
    const [head] = buffer.sealed(buffer.incarnation, 'telemetry', 1n, 1);
    const durable = { contiguous: head!.range.last, ranges: [] };
    await buffer.acknowledge(buffer.incarnation, 'telemetry', durable);
    process.stdout.write(`acknowledged ${head!.range.last}\n`);
  }
}
