import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DeviceWindows,
  WINDOW_BYTES_MAX,
  WINDOW_SEQUENCES,
  windowFromBytes,
  windowToBytes,
} from './device-window.ts';

const WINDOW = BigInt(WINDOW_SEQUENCES);

describe("a device's key window", () => {
  it('judges as a plain set of everything that it ever saw would', () => {
    const near = fc.bigInt({ min: 0n, max: 3n * WINDOW });
    const edge = fc.constantFrom(0n, 1n, WINDOW - 1n, WINDOW, WINDOW + 1n, 2n ** 62n);
    fc.assert(
      fc.property(fc.array(fc.oneof(near, edge), { maxLength: 200 }), (sequences) => {
        const windows = new DeviceWindows();
        const seen = new Set<bigint>();
        let highest: bigint | undefined;
        for (const sequence of sequences) {
          const behind = highest !== undefined && highest - sequence >= WINDOW;
          const expected = behind ? 'unknown' : seen.has(sequence) ? 'seen' : 'new';
          expect(windows.judge({ boot: 'b', sequence })).toBe(expected);
          if (expected !== 'new') continue;
          windows.mark({ boot: 'b', sequence });
          seen.add(sequence);
          if (highest === undefined || sequence > highest) highest = sequence;
        }
      }),
    );
  });

  it('says "unknown" below the window, never "seen": what cannot be told apart is stored', () => {
    const windows = new DeviceWindows();
    windows.mark({ boot: 'b', sequence: 5000n });
    expect(windows.judge({ boot: 'b', sequence: 5000n - WINDOW + 1n })).toBe('new');
    expect(windows.judge({ boot: 'b', sequence: 5000n - WINDOW })).toBe('unknown');
  });

  it('keeps four boots, and a fifth takes the place of the one unused for longest', () => {
    const windows = new DeviceWindows();
    for (const boot of ['a', 'b', 'c', 'd']) windows.mark({ boot, sequence: 1n });
    windows.mark({ boot: 'a', sequence: 2n });
    expect(windows.mark({ boot: 'e', sequence: 1n }).evicted).toBe('b');
    expect(windows.judge({ boot: 'a', sequence: 1n })).toBe('seen');
    expect(windows.judge({ boot: 'b', sequence: 1n })).toBe('new');
  });

  it('survives its bytes', () => {
    const word = fc.oneof(
      fc.constantFrom(0, 2 ** 32 - 1),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    );
    const words = fc.array(word, { minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(words, (values) => {
        const seen = Uint32Array.from(values);
        const bytes = new Uint8Array(WINDOW_BYTES_MAX);
        const length = windowToBytes(seen, bytes);
        expect(windowFromBytes(bytes.slice(0, length))).toEqual(seen);
      }),
    );
  });

  it('takes few bytes when a device sends in order', () => {
    const windows = new DeviceWindows();
    let seen: Uint32Array = new Uint32Array();
    for (let sequence = 1n; sequence <= 3_000n; sequence++)
      ({ seen } = windows.mark({ boot: 'a', sequence }).window);
    expect(windowToBytes(seen, new Uint8Array(WINDOW_BYTES_MAX))).toBe(8);
  });
});
