import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { message, type World, world } from './buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from './buffer.ts';
import { openBufferStore } from './buffer-file.sqlite.ts';
import { bufferSettingsSchema } from './buffer-settings.ts';
import { openBuffer } from './open-buffer.ts';

const SPACING_MS = 2;

const clock = simulatedClock();
let place: World;
let buffer: GatewayBuffer;
let commits = 0;

beforeEach(() => {
  place = world();
  commits = 0;
  const reach = (step: string): void => {
    if (step === 'buffer.append.committed') commits += 1;
  };
  const plain = testRuntime({ clock });
  const runtime = { ...plain, steps: { ...plain.steps, reach } };
  const store = { ...openBufferStore(place.file, runtime), commitSpacingMs: SPACING_MS };
  const settings = bufferSettingsSchema.parse({});
  buffer = openBuffer(store, { runtime, settings }).buffer;
});
afterEach(async () => {
  await buffer.close();
  place.remove();
});

const crowd = (count: number): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, () => buffer.append(message())));

const turns = async (count: number): Promise<void> => {
  for (let at = 0; at < count; at++) await new Promise((resolve) => setImmediate(resolve));
};

it('lets many that come together wait until the last commit of many is some time ago', async () => {
  await crowd(4);
  const next = crowd(4);
  await turns(20);
  expect(commits).toBe(1);
  await clock.advance(SPACING_MS);
  await next;
  expect(commits).toBe(2);
});

it('makes who waits for its own acknowledgement never wait for others', async () => {
  for (let at = 0; at < 20; at++) await buffer.append(message());
  expect(commits).toBe(20);
});

it('does not wait when the last commit is long ago', async () => {
  await crowd(4);
  await clock.advance(SPACING_MS);
  await crowd(4);
  expect(commits).toBe(2);
});
