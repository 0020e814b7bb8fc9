import { describe, expect, it } from 'vitest';
import { LinePace } from './line-pace.ts';

interface Shape {
  readonly bytesPerSecond: number;
  readonly delayMs: number;
  readonly blockBytes: number;
}

const LIVE_BYTES = 400;

/**
 * A line that carries one byte after the other, with a delay each way, and a cloud that answers at
 * once; backlog without an end and a live block twice a second.
 */
function drain(pace: LinePace, shape: Shape, { fromMs, forMs }: { fromMs: number; forMs: number }) {
  const perMs = shape.bytesPerSecond / 1_000;
  const acks: { name: string; atMs: number }[] = [];
  const waits: number[] = [];
  let freeMs = fromMs;
  let sentBytes = 0;
  const send = (name: string, kind: 'live' | 'backlog', nowMs: number): void => {
    const bytes = kind === 'live' ? LIVE_BYTES : shape.blockBytes;
    if (kind === 'live') waits.push(Math.max(0, freeMs - nowMs));
    pace.sent(name, { bytes, kind }, nowMs);
    freeMs = Math.max(freeMs, nowMs) + bytes / perMs;
    sentBytes += bytes;
    acks.push({ name, atMs: freeMs + 2 * shape.delayMs });
  };
  for (let nowMs = fromMs; nowMs < fromMs + forMs; nowMs++) {
    while (acks[0] && acks[0].atMs <= nowMs) pace.delivered(acks.shift()!.name, nowMs);
    if ((nowMs - fromMs) % 500 === 250) send(`live-${nowMs}`, 'live', nowMs);
    while (pace.allows('backlog', nowMs)) send(`backlog-${nowMs}-${sentBytes}`, 'backlog', nowMs);
  }
  for (const { name } of acks) pace.forgotten(name);
  return { share: sentBytes / ((forMs / 1_000) * shape.bytesPerSecond), waits };
}

const slow = { bytesPerSecond: 125_000, delayMs: 200 };

describe('a line of 1 Mbit/s and 200 ms each way', () => {
  it.each([4_000, 20_000, 60_000])('is full with blocks of %i bytes, live soon', (blockBytes) => {
    const pace = new LinePace();
    const { share, waits } = drain(pace, { ...slow, blockBytes }, { fromMs: 0, forMs: 120_000 });
    expect(share).toBeGreaterThan(0.95);
    // While it is measured, and after each probe, a window meets an empty line.
    expect(Math.max(...waits)).toBeLessThan(1_500);
    // Else a queue of 200 ms, the block that passes it, and the one that is being sent.
    const usual = waits.toSorted((a, b) => a - b).slice(0, Math.floor(waits.length * 0.95));
    expect(usual.at(-1)).toBeLessThan(350 + (2 * blockBytes) / 125);
  });

  it('is measured', () => {
    const pace = new LinePace();
    drain(pace, { ...slow, blockBytes: 20_000 }, { fromMs: 0, forMs: 20_000 });
    expect(pace.bytesPerSecond).toBeGreaterThan(110_000);
    expect(pace.bytesPerSecond).toBeLessThan(140_000);
  });
});

it('starts small, so that a Welcome does not fill a slow line before it is known', () => {
  const pace = new LinePace();
  let sentBytes = 0;
  for (; pace.allows('backlog', 0); sentBytes += 16_000)
    pace.sent(String(sentBytes), { bytes: 16_000, kind: 'backlog' }, 0);
  expect(sentBytes).toBe(48_000);
});

it('fills a fast line', () => {
  const fast = { bytesPerSecond: 12_500_000, delayMs: 20, blockBytes: 60_000 };
  expect(drain(new LinePace(), fast, { fromMs: 0, forMs: 5_000 }).share).toBeGreaterThan(0.9);
});

it('follows a line that gets slower, and one that gets faster', () => {
  const pace = new LinePace();
  const fast = { bytesPerSecond: 1_250_000, delayMs: 50, blockBytes: 20_000 };
  drain(pace, fast, { fromMs: 0, forMs: 20_000 });
  drain(pace, { ...slow, blockBytes: 20_000 }, { fromMs: 20_000, forMs: 20_000 });
  const { waits } = drain(pace, { ...slow, blockBytes: 20_000 }, { fromMs: 40_000, forMs: 20_000 });
  expect(Math.max(...waits)).toBeLessThan(700);
  drain(pace, fast, { fromMs: 60_000, forMs: 20_000 });
  expect(drain(pace, fast, { fromMs: 80_000, forMs: 20_000 }).share).toBeGreaterThan(0.9);
});

it('lets a live block pass whatever the backlog holds', () => {
  const pace = new LinePace();
  while (pace.allows('backlog', 0))
    pace.sent(crypto.randomUUID(), { bytes: 9, kind: 'backlog' }, 0);
  expect(pace.allows('live', 0)).toBe(true);
});
