import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DeviceWindows,
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
    const words = fc.uint32Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(words, (seen) => {
        expect(windowFromBytes(windowToBytes(seen))).toEqual(seen);
      }),
    );
  });
});
