import { receivedMicros } from '@holdfast/shared/lib/block-body.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { message, payloads, sealedOf, type World, world } from './buffer.case.fixture.ts';
import { ReceiveClock } from './receive-clock.ts';

const TEN_YEARS_MS = 10 * 365.25 * 86_400_000;
const JUMPS = [
  ['ten years ahead', TEN_YEARS_MS],
  ['ten years back', -TEN_YEARS_MS],
] as const;

let place: World;
beforeEach(() => {
  place = world();
});
afterEach(() => place.remove());

describe('a wall clock that jumps', () => {
  it.each(JUMPS)('%s begins a new epoch; elapsed time goes on', async (_, jumpMs) => {
    const clock = simulatedClock();
    const receive = new ReceiveClock({ clock, random: seededRandom(1), confirmed: () => true });
    const stamps: ReturnType<ReceiveClock['stamp']>[] = [];
    for (const step of ['before', 'after', 'later']) {
      if (step === 'after') clock.jump(jumpMs);
      receive.refresh();
      stamps.push(receive.stamp());
      await clock.advance(1_000);
    }
    const [before, after, later] = stamps.map((stamp) => Number(receivedMicros(stamp)) / 1000);
    expect(after! - before!).toBe(jumpMs + 1_000);
    expect(later! - after!).toBe(1_000);
    // By the monotonic clock of the boot, which every epoch names, they are a second apart.
    const monotonic = stamps.map(
      ({ epoch, elapsedMicros }) => Number(epoch.baseMonotonicMicros) + elapsedMicros,
    );
    expect(monotonic).toEqual([0, 1_000_000, 2_000_000]);
    expect(new Set(stamps.map(({ epoch }) => epoch.bootId)).size).toBe(1);
  });

  it.each(JUMPS)('%s changes no sequence, no block and no order', async (_, jumpMs) => {
    const clock = simulatedClock();
    const buffer = place.open({ runtime: testRuntime({ clock }) });
    for (let at = 1; at <= 6; at++) {
      if (at === 3) clock.jump(jumpMs);
      const outcome = await buffer.append(message({ payload: Buffer.from(`${at}`) }));
      expect(outcome).toEqual({ kind: 'stored', sequence: BigInt(at) });
    }
    await buffer.seal('telemetry');
    const heads = sealedOf(buffer, 'telemetry');
    expect(await payloads(buffer, heads)).toEqual(['1', '2', '3', '4', '5', '6']);
    await buffer.close();
  });
});

it('a start in 1970 takes messages, and goes on under its incarnation', async () => {
  const now = place.open();
  await now.append(message());
  const { incarnation } = now;
  await now.close();
  const early = place.open({ runtime: testRuntime({ clock: simulatedClock(0) }) });
  expect(early.incarnation).toBe(incarnation);
  expect(await early.append(message())).toEqual({ kind: 'stored', sequence: 2n });
  await early.close();
});
