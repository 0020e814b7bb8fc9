import { join } from 'node:path';
import { openBufferStore } from '@holdfast/edge/buffer/buffer-file.sqlite.ts';
import { bufferSettingsSchema } from '@holdfast/edge/buffer/buffer-settings.ts';
import { openBuffer } from '@holdfast/edge/buffer/open-buffer.ts';
import { LANES } from '@holdfast/shared/contracts/lanes.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { sensorMessages } from '../footprint/sensor-messages.ts';
import type { Fill } from './fill.ts';

/** What a busy gateway commits at once. */
const GROUP_MESSAGES = 256;
/** The offline sealer cuts whole blocks. */
const GROUPS_PER_SEAL = 64;

/** Leaves the buffer of a gateway that was offline while the messages came. */
export async function fillBuffer(fill: Fill, folder: string): Promise<void> {
  const clock = simulatedClock(fill.startMs);
  const runtime = testRuntime({ clock });
  const settings = bufferSettingsSchema.parse({});
  const store = openBufferStore(join(folder, 'buffer.sqlite'), runtime);
  const { buffer } = openBuffer(store, { runtime, settings });
  let waiting: Promise<unknown>[] = [];
  let count = 0;
  for await (const { atMs, message } of sensorMessages(fill)) {
    await clock.advance(Math.max(0, atMs - clock.monotonicMs()));
    waiting.push(buffer.append(message));
    if (++count === fill.messages) break;
    if (waiting.length < GROUP_MESSAGES) continue;
    await Promise.all(waiting);
    waiting = [];
    if (count % (GROUP_MESSAGES * GROUPS_PER_SEAL) === 0) await buffer.seal('telemetry');
  }
  await Promise.all(waiting);
  for (const lane of LANES) await buffer.seal(lane);
  await buffer.close();
}
