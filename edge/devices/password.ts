import { argon2, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * Password hashes as PHC strings: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>` or
 * `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, salt and hash in base64 without padding.
 */
const PHC = /^\$(argon2id|scrypt)(?:\$v=19)?\$([a-z=\d,]+)\$([\w+/-]+)\$([\w+/-]+)$/;

/** OWASP's parameters for a machine with little memory. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const HASH_BYTES = 32;
/** A hash in the configuration may ask for no more than this. */
const MEMORY_BYTES_MAX = 256 * 1024 * 1024;
const PASSES_MAX = 16;

interface PasswordHash {
  readonly kind: 'argon2id' | 'scrypt';
  /** argon2id: memory in KiB and passes. scrypt: N and block size. */
  readonly cost: number;
  readonly rounds: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const argon2Async = promisify(argon2);
const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** A hash for the configuration. `salt` has 16 random bytes. */
export async function hashPassword(password: string, salt: Buffer): Promise<string> {
  const wanted = { kind: 'argon2id', cost: MEMORY_KIB, rounds: PASSES, parallelism: 1 } as const;
  const hash = await derive({ ...wanted, salt, hash: Buffer.alloc(HASH_BYTES) }, password);
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=1$${encode(salt)}$${encode(hash)}`;
}

/** Whether the text is a hash that `verifyPassword` takes. */
export function isPasswordHash(text: string): boolean {
  return parse(text) !== undefined;
}

/**
 * False for a wrong password, and for a text that is no hash. Takes tens of milliseconds, off the
 * event loop.
 */
export async function verifyPassword(text: string, password: string): Promise<boolean> {
  const wanted = parse(text);
  if (!wanted) return false;
  return timingSafeEqual(await derive(wanted, password), wanted.hash);
}

function derive(wanted: PasswordHash, password: string): Promise<Buffer> {
  const { kind, cost, rounds, parallelism, salt, hash } = wanted;
  if (kind === 'scrypt') {
    const options = { N: cost, r: rounds, p: parallelism, maxmem: MEMORY_BYTES_MAX };
    return scryptAsync(password, salt, hash.byteLength, options);
  }
  return argon2Async('argon2id', {
    message: password,
    nonce: salt,
    parallelism,
    tagLength: hash.byteLength,
    memory: cost,
    passes: rounds,
  });
}

function parse(text: string): PasswordHash | undefined {
  const match = PHC.exec(text);
  if (!match) return undefined;
  const kind = match[1] as PasswordHash['kind'];
  const named = new Map(match[2]!.split(',').map((pair) => pair.split('=') as [string, string]));
  const number = (name: string): number => Number(named.get(name) ?? Number.NaN);
  const parsed =
    kind === 'scrypt'
      ? { cost: 2 ** number('ln'), rounds: number('r'), parallelism: number('p') }
      : { cost: number('m'), rounds: number('t'), parallelism: number('p') };
  const salt = Buffer.from(match[3]!, 'base64');
  const hash = Buffer.from(match[4]!, 'base64');
  const found = { kind, ...parsed, salt, hash };
  return isAffordable(found) ? found : undefined;
}

function isAffordable({ kind, cost, rounds, parallelism, salt, hash }: PasswordHash): boolean {
  const bytes = kind === 'scrypt' ? 128 * cost * rounds : cost * 1024;
  const whole = [cost, rounds, parallelism].every(
    (value) => Number.isSafeInteger(value) && value > 0,
  );
  const small = bytes < MEMORY_BYTES_MAX && rounds <= PASSES_MAX && parallelism <= PASSES_MAX;
  // argon2 needs 8 KiB of memory per lane, a salt of 8 bytes, and a hash of 4.
  const sound = cost >= 8 * parallelism && salt.byteLength >= 8 && hash.byteLength >= 16;
  return whole && small && sound && hash.byteLength <= 128;
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
