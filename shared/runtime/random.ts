import { randomBytes, randomFillSync, randomInt } from 'node:crypto';

/**
 * Randomness as a port. The system's is cryptographic; the simulated one is seeded and for tests
 * only.
 */
export interface Random {
  bytes(count: number): Buffer;
  /** An integer from 0 to `below - 1`. */
  int(below: number): number;
  /** From 0, below 1. */
  fraction(): number;
}

/** What ids take; keys are longer and drawn by themselves. */
const POOLED_BYTES_MAX = 16;

/** Drawn in advance: to ask the system costs the same for sixteen bytes as for thousands. */
const pool = { bytes: Buffer.alloc(4096), used: 4096 };

function pooledBytes(count: number): Buffer {
  if (pool.used + count > pool.bytes.length) {
    randomFillSync(pool.bytes);
    pool.used = 0;
  }
  const end = pool.used + count;
  const drawn = Buffer.from(pool.bytes.subarray(pool.used, end));
  // What was given out is nowhere else.
  pool.bytes.fill(0, pool.used, end);
  pool.used = end;
  return drawn;
}

export const systemRandom: Random = {
  bytes: (count) => (count <= POOLED_BYTES_MAX ? pooledBytes(count) : randomBytes(count)),
  int: (below) => randomInt(below),
  fraction: () => randomInt(2 ** 32) / 2 ** 32,
};

/** Mulberry32: small, seeded, good enough to draw test cases; never for keys. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => next() & 0xff)),
    int: (below) => next() % below,
    fraction: () => next() / 2 ** 32,
  };
}
