import type { Random } from '@holdfast/shared/runtime/random.ts';
import type { FileFate } from './torn-file.ts';

/** What a power cut does to everything that was not synced. */
export interface Fates {
  /** Whether the change of names at `index` of `count` reached the disk. Asked once for each. */
  keepsName(index: number, count: number): boolean;
  ofFile(): FileFate;
  /** SQLite's `-shm` is written through a mapping and never synced: it may hold anything. */
  noise(): 'lost' | 'zeros' | Random;
}

const SECTOR_BYTES = [512, 4096] as const;

export const NOTHING_SURVIVES: Fates = {
  keepsName: () => false,
  ofFile: () => ({ kind: 'lost' }),
  noise: () => 'lost',
};

/**
 * Draws a cut: one in four loses all that it may, which is what tells a missing sync the surest.
 */
export function drawFates(random: Random): Fates {
  if (random.int(4) === 0) return NOTHING_SURVIVES;
  return {
    keepsName: drawNames(random),
    ofFile: () => drawFile(random),
    noise: () => (['lost', 'zeros', random] as const)[random.int(3)]!,
  };
}

function drawNames(random: Random): Fates['keepsName'] {
  const moment = random.fraction();
  const draws = [
    () => false,
    () => true,
    // As a journal does it: in order, up to a moment.
    (index: number, count: number) => index < Math.floor(moment * (count + 1)),
    () => random.int(2) === 0,
  ];
  return draws[random.int(draws.length)]!;
}

function drawFile(random: Random): FileFate {
  switch (random.int(6)) {
    case 0:
      return { kind: 'lost' };
    case 1:
      return { kind: 'kept' };
    case 2:
      return { kind: 'moment', random };
    default: {
      const sectorBytes = SECTOR_BYTES[random.int(SECTOR_BYTES.length)]!;
      const gained = random.int(2) === 0 ? 'zeros' : 'stale';
      return { kind: 'sectors', random, sectorBytes, gained };
    }
  }
}
