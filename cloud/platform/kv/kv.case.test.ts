import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { describe, expect, it } from 'vitest';
import { openMemoryKv } from './kv.memory.ts';
import type { Kv } from './kv.ts';

interface KvUnderTest {
  readonly kv: Kv;
  /** Lets time pass, as the store sees it. */
  pass(ms: number): Promise<void>;
}

interface KvAdapter {
  readonly name: string;
  open(): Promise<KvUnderTest>;
}

const memory: KvAdapter = {
  name: 'memory',
  open: async () => {
    const clock = simulatedClock();
    return { kv: openMemoryKv({ runtime: { clock } }), pass: (ms) => clock.advance(ms) };
  },
};

for (const adapter of [memory]) {
  describe(`kv on ${adapter.name}: values and their time`, () => valueCases(adapter));
  describe(`kv on ${adapter.name}: one key`, () => orderCases(adapter));
  describe(`kv on ${adapter.name}: limits`, () => limitCases(adapter));
}

function valueCases(adapter: KvAdapter): void {
  it('returns what was set, and undefined for what was not or was deleted', async () => {
    const { kv } = await adapter.open();
    await kv.set('a', 'één', { ttlMs: 1000 });
    await kv.set('b', '', { ttlMs: 1000 });
    expect([await kv.get('a'), await kv.get('b'), await kv.get('c')]).toEqual([
      'één',
      '',
      undefined,
    ]);
    await kv.delete('a');
    await kv.delete('a');
    expect(await kv.get('a')).toBeUndefined();
    await kv.close();
  });

  it('forgets a value after its time to live, which set renews', async () => {
    const { kv, pass } = await adapter.open();
    await kv.set('renewed', '1', { ttlMs: 500 });
    await kv.set('gone', '1', { ttlMs: 500 });
    await pass(300);
    await kv.set('renewed', '2', { ttlMs: 500 });
    await pass(300);
    expect(await kv.get('renewed')).toBe('2');
    expect(await kv.get('gone')).toBeUndefined();
    await kv.close();
  });

  it('stores only what is absent with setIfAbsent, and what expired is absent', async () => {
    const { kv, pass } = await adapter.open();
    expect(await kv.setIfAbsent('lock', 'first', { ttlMs: 500 })).toBe(true);
    expect(await kv.setIfAbsent('lock', 'second', { ttlMs: 500 })).toBe(false);
    expect(await kv.get('lock')).toBe('first');
    await pass(600);
    expect(await kv.setIfAbsent('lock', 'third', { ttlMs: 500 })).toBe(true);
    expect(await kv.get('lock')).toBe('third');
    await kv.close();
  });

  it('starts the time to live of a counter with its first increment', async () => {
    const { kv, pass } = await adapter.open();
    expect(await kv.increment('rate', { ttlMs: 500 })).toBe(1);
    await pass(300);
    expect(await kv.increment('rate', { ttlMs: 500 })).toBe(2);
    expect(await kv.get('rate')).toBe('2');
    await pass(300);
    expect(await kv.increment('rate', { ttlMs: 500 })).toBe(1);
    await kv.close();
  });
}

function orderCases(adapter: KvAdapter): void {
  it('lets operations on one key take effect one after the other', async () => {
    const { kv } = await adapter.open();
    const sums = await Promise.all(
      Array.from({ length: 100 }, () => kv.increment('count', { ttlMs: 60_000 })),
    );
    expect(sums.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    const won = await Promise.all(
      Array.from({ length: 20 }, (_, i) => kv.setIfAbsent('once', String(i), { ttlMs: 60_000 })),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    await kv.close();
  });

  it('refuses to count what is not a count, and leaves it', async () => {
    const { kv } = await adapter.open();
    await kv.set('name', 'Ada', { ttlMs: 60_000 });
    await expect(kv.increment('name', { ttlMs: 1000 })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    expect(await kv.get('name')).toBe('Ada');
    await kv.close();
  });
}

function limitCases(adapter: KvAdapter): void {
  it('takes keys of 512 bytes and values of 1 MiB, and refuses larger ones', async () => {
    const { kv } = await adapter.open();
    const invalid = { code: 'REQUEST_INVALID' };
    const ttlMs = 1000;
    await kv.set('k'.repeat(512), 'v'.repeat(1024 * 1024), { ttlMs });
    expect(await kv.get('k'.repeat(512))).toHaveLength(1024 * 1024);
    await expect(kv.set('é'.repeat(257), 'v', { ttlMs })).rejects.toMatchObject(invalid);
    await expect(kv.get('k'.repeat(513))).rejects.toMatchObject(invalid);
    await expect(kv.set('k', 'v'.repeat(1024 * 1024 + 1), { ttlMs })).rejects.toMatchObject(
      invalid,
    );
    await expect(kv.setIfAbsent('k', 'é'.repeat(512 * 1024 + 1), { ttlMs })).rejects.toMatchObject(
      invalid,
    );
    expect(await kv.get('k')).toBeUndefined();
    await kv.close();
  });

  it('throws UNAVAILABLE from every call after close', async () => {
    const { kv } = await adapter.open();
    await kv.close();
    await kv.close();
    const closed = { code: 'UNAVAILABLE' };
    const ttlMs = 1000;
    await expect(kv.get('a')).rejects.toMatchObject(closed);
    await expect(kv.set('a', '', { ttlMs })).rejects.toMatchObject(closed);
    await expect(kv.setIfAbsent('a', '', { ttlMs })).rejects.toMatchObject(closed);
    await expect(kv.increment('a', { ttlMs })).rejects.toMatchObject(closed);
    await expect(kv.delete('a')).rejects.toMatchObject(closed);
  });
}
