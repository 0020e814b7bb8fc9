import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { describe, expect, it } from 'vitest';
import { type DataChange, EMPTY_FILE, type FileFate, surviving } from './torn-file.ts';

const SECTOR_BYTES = 512;
const TRIES = 500;
const random = seededRandom(7);
const bySectors: FileFate = { kind: 'sectors', random, sectorBytes: SECTOR_BYTES, gained: 'zeros' };

const write = (offset: number, length: number, letter: string): DataChange => ({
  kind: 'write',
  path: 'f',
  offset,
  bytes: Buffer.alloc(length, letter),
});

/** One letter a sector, for each outcome that was drawn. */
function outcomes(synced: string, changes: readonly DataChange[]): Set<string> {
  const bytes = Buffer.concat([...synced].map((letter) => Buffer.alloc(SECTOR_BYTES, letter)));
  const state = { bytes, size: bytes.length, mode: 0o600 };
  const drawn = Array.from({ length: TRIES }, () => {
    const after = surviving(state, changes, bySectors);
    const seen = after.bytes.subarray(0, after.size);
    const letters = Array.from({ length: Math.ceil(after.size / SECTOR_BYTES) }, (_, at) => {
      return String.fromCharCode(seen[at * SECTOR_BYTES] || 0x30);
    });
    return letters.join('');
  });
  return new Set(drawn);
}

describe('a file whose changes were not synced', () => {
  it('is torn between sectors, in any order', () => {
    const changes = [write(0, 2 * SECTOR_BYTES, 'b')];
    expect(outcomes('aa', changes)).toEqual(new Set(['aa', 'ab', 'ba', 'bb']));
  });

  it('has in each sector what it held at some moment, never what it held before the sync', () => {
    const changes = [write(0, SECTOR_BYTES, 'b'), write(0, SECTOR_BYTES, 'c')];
    expect(outcomes('a', changes)).toEqual(new Set(['a', 'b', 'c']));
  });

  it('may have grown without the data, or have the data without having grown', () => {
    const changes = [write(SECTOR_BYTES, SECTOR_BYTES, 'b')];
    expect(outcomes('a', changes)).toEqual(new Set(['a', 'a0', 'ab']));
  });

  it('may be as long as before a truncation, with zeros where it was cut', () => {
    const changes: DataChange[] = [{ kind: 'resize', path: 'f', size: SECTOR_BYTES }];
    expect(outcomes('aa', changes)).toEqual(new Set(['a', 'aa', 'a0']));
  });

  it('leaves synced bytes beside an unsynced write alone, within one sector too', () => {
    const state = { bytes: Buffer.from('synced'), size: 6, mode: 0o600 };
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const after = surviving(state, [write(6, 3, 'x')], bySectors);
      const text = after.bytes.toString('latin1', 0, after.size);
      expect(['synced', 'syncedxxx', 'synced\0\0\0']).toContain(text);
    }
  });

  it('does not change the state that it is drawn from', () => {
    const state = { bytes: Buffer.from('a'), size: 1, mode: 0o600 };
    surviving(state, [write(0, 1, 'b')], { kind: 'kept' });
    expect(state.bytes.toString()).toBe('a');
    expect(surviving({ ...EMPTY_FILE, mode: 0 }, [], { kind: 'kept' }).size).toBe(0);
  });
});
