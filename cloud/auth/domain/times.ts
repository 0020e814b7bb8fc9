/** Times in tables are integer microseconds since 1970. */
export const HOUR_MICROS = 3_600_000_000n;
export const DAY_MICROS = 24n * HOUR_MICROS;

export function rfc3339(micros: bigint): string {
  return new Date(Number(micros / 1000n)).toISOString();
}
