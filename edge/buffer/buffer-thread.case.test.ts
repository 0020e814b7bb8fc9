import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { describe, expect, it } from 'vitest';
import { message, world, writeIn } from './buffer.case.fixture.ts';
import { openBufferStore } from './buffer-file.sqlite.ts';
import { bufferSettingsSchema } from './buffer-settings.ts';
import { openBuffer } from './open-buffer.ts';
import { startThreadWriter } from './thread-writer.sqlite.ts';

// The same promises, sentence by sentence, with a thread of its own for the writes.
writeIn('thread');
describe('a buffer', async () => {
  await import('./buffer.case.test.ts');
});
describe('its blocks', async () => {
  await import('./buffer-blocks.case.test.ts');
});

it('is opened anew when its thread ends: what waits is refused, what is later stored', async () => {
  const place = world();
  const runtime = testRuntime();
  const opened = openBufferStore(place.file, runtime);
  const { incarnation, writer: inline } = opened;
  // The thread cannot open this: it ends before its first write.
  const path = `${place.file}/no-folder`;
  const writer = startThreadWriter({ path, incarnation, bytes: inline.bytes, runtime });
  const { buffer, module } = openBuffer(
    { ...opened, writer },
    { runtime, settings: bufferSettingsSchema.parse({}) },
  );
  const waiting = [buffer.append(message()), buffer.holdTurn(new Uint8Array(16))];
  for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect.poll(() => module.degraded?.()).toBe(undefined);
  expect(await buffer.append(message())).toEqual({ kind: 'stored', sequence: 1n });
  await module.stop();
  await writer.close();
  place.remove();
});
