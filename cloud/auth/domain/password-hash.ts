import { timingSafeEqual } from 'node:crypto';
import { assert } from '@holdfast/shared/lib/assert.ts';

/** What argon2id is given (RFC 9106). */
export interface PasswordParameters {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/**
 * OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane. A hash carries its own, so these may
 * be raised.
 */
export const PASSWORD_PARAMETERS: PasswordParameters = {
  memoryKiB: 19_456,
  passes: 2,
  parallelism: 1,
};
export const SALT_BYTES = 16;
export const TAG_BYTES = 32;
export const PASSWORD_CHARS_MIN = 12;
export const PASSWORD_CHARS_MAX = 256;

export interface PasswordHash {
  readonly parameters: PasswordParameters;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** The PHC string format, as every argon2 library writes it. */
export function formatPasswordHash({ parameters, salt, tag }: PasswordHash): string {
  const { memoryKiB, passes, parallelism } = parameters;
  const costs = `m=${memoryKiB},t=${passes},p=${parallelism}`;
  return `$argon2id$v=19$${costs}$${unpadded(salt)}$${unpadded(tag)}`;
}

export function parsePasswordHash(text: string): PasswordHash {
  const match = PHC.exec(text);
  assert(match, 'a stored password hash is in the PHC format');
  const [memoryKiB, passes, parallelism] = match.slice(1, 4).map(Number);
  return {
    parameters: { memoryKiB: memoryKiB!, passes: passes!, parallelism: parallelism! },
    salt: Buffer.from(match[4]!, 'base64'),
    tag: Buffer.from(match[5]!, 'base64'),
  };
}

export function sameTag(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
