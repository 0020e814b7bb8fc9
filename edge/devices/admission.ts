import { createHmac, timingSafeEqual } from 'node:crypto';
import { isTopicFilter } from '@holdfast/shared/lib/topic-filter.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';
import { z } from 'zod';
import { Grants, sampleFilter } from './grants.ts';
import { isPasswordHash, verifyPassword } from './password.ts';

const filters = z
  .array(z.string().refine((filter) => isTopicFilter(sampleFilter(filter)), 'not a topic filter'))
  .max(1_000);

/** Who may connect, and what they may do: part of the `mqtt` configuration. */
export const admissionSettings = {
  users: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(256),
        passwordHash: z.string().refine(isPasswordHash, 'not a PHC string of argon2id or scrypt'),
        publish: filters.default([]),
        subscribe: filters.default([]),
      }),
    )
    .max(10_000)
    .default([]),
  /**
   * Clients without a user name; from this machine only, unless the next setting says otherwise.
   */
  anonymous: z
    .strictObject({ publish: filters.default([]), subscribe: filters.default([]) })
    .default({ publish: ['#'], subscribe: ['#'] }),
  allowAnonymousFromNetwork: z.boolean().default(false),
};

export type AdmissionSettings = z.infer<z.ZodObject<typeof admissionSettings>>;

export interface Applicant {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly remoteAddress: string | undefined;
}

export type Admission =
  | { readonly kind: 'admitted'; readonly grants: Grants }
  /** Unknown user or wrong password: from outside they look and take the same. */
  | { readonly kind: 'credentials' }
  /** Without a user name, from another machine. */
  | { readonly kind: 'anonymous' }
  /** Too many passwords are being checked at once. */
  | { readonly kind: 'busy' };

/** Each check takes a core and 19 MiB for tens of milliseconds. */
const CHECKS_MAX = 32;
const PASSWORD_BYTES_MAX = 1_024;
/** Nobody's password: checked for unknown users, so that they take as long as known ones. */
const DECOY_HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

export type Admit = (applicant: Applicant) => Promise<Admission>;

export function createAdmission(settings: AdmissionSettings, random: Random): Admit {
  const users = new Map(settings.users.map((user) => [user.name, user]));
  const verify = rememberingVerifier(random.bytes(32));
  let checking = 0;
  return async ({ clientId, username, password, remoteAddress }) => {
    if (username === undefined) {
      const near = remoteAddress !== undefined && LOOPBACK.test(remoteAddress);
      if (!near && !settings.allowAnonymousFromNetwork) return { kind: 'anonymous' };
      return { kind: 'admitted', grants: new Grants(settings.anonymous, clientId) };
    }
    if (checking >= CHECKS_MAX) return { kind: 'busy' };
    if ((password?.byteLength ?? 0) > PASSWORD_BYTES_MAX) return { kind: 'credentials' };
    const user = users.get(username);
    checking += 1;
    try {
      const hash = user?.passwordHash ?? DECOY_HASH;
      const right = await verify(hash, Buffer.from(password ?? []).toString('utf8'));
      if (!right || !user) return { kind: 'credentials' };
      return { kind: 'admitted', grants: new Grants(user, clientId) };
    } finally {
      checking -= 1;
    }
  };
}

/**
 * Remembers the last right password of each hash under a key of this process, so that a fleet that
 * reconnects does not cost a minute of a small gateway's cores.
 */
function rememberingVerifier(key: Buffer) {
  const right = new Map<string, Buffer>();
  return async (hash: string, password: string): Promise<boolean> => {
    const digest = createHmac('sha256', key).update(password).digest();
    const known = right.get(hash);
    if (known && timingSafeEqual(known, digest)) return true;
    if (!(await verifyPassword(hash, password))) return false;
    right.set(hash, digest);
    return true;
  };
}
