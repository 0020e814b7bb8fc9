import { argon2 } from 'node:crypto';
import { promisify } from 'node:util';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';
import { BulkheadRejectedError, bulkhead } from 'cockatiel';
import {
  formatPasswordHash,
  PASSWORD_PARAMETERS,
  type PasswordParameters,
  parsePasswordHash,
  SALT_BYTES,
  sameTag,
  TAG_BYTES,
} from './domain/password-hash.ts';
import type { PasswordCheck } from './routes/sessions.ts';

/**
 * Hashing fills a thread of the pool for tens of milliseconds: at most so many at once, or files
 * and TLS would wait.
 */
const HASHES_AT_ONCE_MAX = 2;
const HASHES_WAITING_MAX = 32;

export interface Passwords extends PasswordCheck {
  /** In the PHC string format. */
  hash(password: string): Promise<string>;
}

const derive = promisify(argon2);

/** Throws UNAVAILABLE when too many wait already. */
export async function createPasswords(random: Random): Promise<Passwords> {
  const gate = bulkhead(HASHES_AT_ONCE_MAX, HASHES_WAITING_MAX);
  const tagOf = async (password: string, salt: Buffer, parameters: PasswordParameters) => {
    const { memoryKiB: memory, passes, parallelism } = parameters;
    // NFKC: the same password typed on two keyboards has the same bytes.
    const message = password.normalize('NFKC');
    const input = { message, nonce: salt, memory, passes, parallelism, tagLength: TAG_BYTES };
    return gate.execute(() => derive('argon2id', input)).catch(refuseFlood);
  };
  const hash = async (password: string): Promise<string> => {
    const salt = random.bytes(SALT_BYTES);
    const tag = await tagOf(password, salt, PASSWORD_PARAMETERS);
    return formatPasswordHash({ parameters: PASSWORD_PARAMETERS, salt, tag });
  };
  const nobody = await hash(random.bytes(TAG_BYTES).toString('base64url'));
  return {
    hash,
    async verify(password, stored) {
      const known = parsePasswordHash(stored ?? nobody);
      const tag = await tagOf(password, known.salt, known.parameters);
      return sameTag(tag, known.tag) && stored !== undefined;
    },
  };
}

function refuseFlood(cause: unknown): never {
  if (!(cause instanceof BulkheadRejectedError)) throw cause;
  throw new AppError('UNAVAILABLE', 'too many sign-ins at once', { cause, retryAfterMs: 2_000 });
}
