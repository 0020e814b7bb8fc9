import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { expect, it } from 'vitest';
import { openMemoryKv } from './kv.memory.ts';

it('drops the value that was unused for longest when there are too many', async () => {
  const kv = openMemoryKv({ runtime: { clock: simulatedClock() }, entriesMax: 2 });
  await kv.set('a', '1', { ttlMs: 1000 });
  await kv.set('b', '2', { ttlMs: 1000 });
  await kv.get('a');
  await kv.set('c', '3', { ttlMs: 1000 });
  expect([await kv.get('a'), await kv.get('b'), await kv.get('c')]).toEqual(['1', undefined, '3']);
});

it('drops values until what it holds fits, and counts what is replaced once', async () => {
  const kv = openMemoryKv({ runtime: { clock: simulatedClock() }, bytesMax: 100 });
  for (let i = 0; i < 50; i++) await kv.set('same', 'x'.repeat(40), { ttlMs: 1000 });
  await kv.set('other', 'x'.repeat(40), { ttlMs: 1000 });
  expect(await kv.get('same')).toHaveLength(40);
  await kv.set('third', 'x'.repeat(40), { ttlMs: 1000 });
  expect([await kv.get('other'), (await kv.get('same'))?.length]).toEqual([undefined, 40]);
});

it('keeps time by the monotonic clock: a wall clock that jumps changes nothing', async () => {
  const clock = simulatedClock();
  const kv = openMemoryKv({ runtime: { clock } });
  await kv.set('a', '1', { ttlMs: 1000 });
  clock.jump(3_600_000);
  expect(await kv.get('a')).toBe('1');
});
