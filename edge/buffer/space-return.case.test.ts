import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { message, sealedOf, type World, world } from './buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from './buffer.ts';

const MIB = 1024 * 1024;
/** Of text that does not compress; 1,000 of them fill about 16 MiB. */
const PAYLOAD_BYTES = 16 * 1024;
const FILL_MESSAGES = 1_000;
const TURN_MESSAGES = 50;
const DEADLINE_MS = 20_000;
const TEST_MS_MAX = 60_000;

let place: World;
beforeEach(() => {
  place = world();
});
afterEach(() => place.remove());

async function fill(buffer: GatewayBuffer): Promise<void> {
  for (let sent = 0; sent < FILL_MESSAGES; sent += TURN_MESSAGES) {
    const payload = (): Buffer =>
      Buffer.from(crypto.getRandomValues(new Uint8Array(PAYLOAD_BYTES)));
    const turn = Array.from({ length: TURN_MESSAGES }, () => message({ payload: payload() }));
    await Promise.all(turn.map((one) => buffer.append(one)));
  }
  await buffer.seal('telemetry');
}

async function drain(buffer: GatewayBuffer): Promise<void> {
  for (const { incarnation, lane, range } of sealedOf(buffer, 'telemetry'))
    await buffer.acknowledge(incarnation, lane, { contiguous: range.last, ranges: [] });
}

async function fileBytesBelow(buffer: GatewayBuffer, limit: number): Promise<number> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (buffer.bytesOnDisk > limit && performance.now() < deadlineMs)
    await new Promise((resolve) => setImmediate(resolve));
  return buffer.bytesOnDisk;
}

describe('the space of what was acknowledged', () => {
  it(
    'goes back to the volume, and the file does not grow from fill to fill',
    async () => {
      const buffer = place.open();
      await fill(buffer);
      const full = buffer.bytesOnDisk;
      expect(full).toBeGreaterThan(15 * MIB);
      for (let times = 0; times < 2; times++) {
        await drain(buffer);
        expect(await fileBytesBelow(buffer, 9 * MIB)).toBeLessThanOrEqual(9 * MIB);
        await fill(buffer);
        expect(buffer.bytesOnDisk).toBeLessThan(full * 1.1);
      }
      await drain(buffer);
      await fileBytesBelow(buffer, 9 * MIB);
      await buffer.close();
      expect(statSync(place.file).size).toBeLessThanOrEqual(9 * MIB);
    },
    TEST_MS_MAX,
  );

  it(
    'loses nothing of what is still pending while pages move',
    async () => {
      const buffer = place.open();
      await fill(buffer);
      const heads = sealedOf(buffer, 'telemetry');
      const kept = heads.slice(-2);
      const before = await Promise.all(kept.map((head) => buffer.read(head)));
      const { incarnation, lane, range } = heads.at(-3)!;
      await buffer.acknowledge(incarnation, lane, { contiguous: range.last, ranges: [] });
      await fileBytesBelow(buffer, 10 * MIB);
      expect(buffer.bytesOnDisk).toBeLessThanOrEqual(10 * MIB);
      await buffer.close();
      const again = place.open();
      expect(sealedOf(again, 'telemetry')).toEqual(kept);
      expect(await Promise.all(kept.map((head) => again.read(head)))).toEqual(before);
      await again.close();
    },
    TEST_MS_MAX,
  );
});
