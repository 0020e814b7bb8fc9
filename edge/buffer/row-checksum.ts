import { crc32 } from 'node:zlib';

/**
 * What a row carries of itself: SQLite gives back a flipped bit without a word, and a wrong
 * position, window or turn would lose or repeat messages as surely as a wrong body. It covers the
 * row's place too, because a key may flip as well.
 */
export function rowChecksum(
  ...columns: readonly (string | bigint | number | Uint8Array)[]
): number {
  let sum = 0;
  for (const column of columns)
    sum = crc32(column instanceof Uint8Array ? column : `${column}\0`, sum);
  return sum;
}
