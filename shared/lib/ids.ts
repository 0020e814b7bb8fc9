/**
 * Prefixed sortable ids: `<prefix>_<UUIDv7>` (RFC 9562 §5.7). The time and the random bytes are
 * arguments, so that this stays pure. `random` has at least 10 bytes.
 */
export function prefixedId(prefix: string, unixMs: number, random: Uint8Array): string {
  return `${prefix}_${uuidV7(unixMs, random)}`;
}

export function uuidV7(unixMs: number, random: Uint8Array): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(unixMs, 0, 6);
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
