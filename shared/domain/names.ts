import { createHash } from 'node:crypto';

/**
 * Device ids, channels, field names and sites: their keys must fit an index row on every database.
 */
export const NAME_BYTES_MAX = 256;
const HASH_CHARS = 32;

/**
 * A name that every database can index: at most NAME_BYTES_MAX bytes, without a zero character.
 * Most names stay as they are; one that has to change ends in a hash of itself, so that two of them
 * stay different.
 */
export function boundedName(name: string): string {
  if (fits(name)) return name;
  const hash = createHash('sha256').update(name, 'utf16le').digest('hex').slice(0, HASH_CHARS);
  const kept = name.replaceAll('\0', '').toWellFormed().slice(0, NAME_CHARS_KEPT);
  return `${kept.toWellFormed()}~${hash}`;
}

/** Each UTF-16 unit takes at most three bytes of UTF-8. */
const NAME_CHARS_KEPT = Math.floor((NAME_BYTES_MAX - HASH_CHARS - 1) / 3);

function fits(name: string): boolean {
  if (name.length > NAME_BYTES_MAX || name.includes('\0') || !name.isWellFormed()) return false;
  return name.length * 3 <= NAME_BYTES_MAX || Buffer.byteLength(name) <= NAME_BYTES_MAX;
}
