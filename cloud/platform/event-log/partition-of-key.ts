const MULTIPLIER = 0x5bd1e995;
const SEED = 0x9747b28c;

/**
 * The partition of a key: murmur2 of its UTF-8 bytes, as Kafka's default partitioner has it, so
 * that a key keeps its partition when a log moves to Kafka. Changing this function moves keys: it
 * is fixed.
 */
export function partitionOfKey(key: string, partitionCount: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitionCount;
}

/** MurmurHash2, 32 bits, with the seed of Kafka's clients. */
export function murmur2(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const whole = data.length - (data.length % 4);
  let hash = SEED ^ data.length;
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(view.getInt32(at, true), MULTIPLIER);
    word = Math.imul(word ^ (word >>> 24), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  if (data.length > whole) {
    for (let at = data.length - 1; at >= whole; at--) hash ^= data[at]! << (8 * (at - whole));
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}
