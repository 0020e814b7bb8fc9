import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import {
  SERVICE_TOKEN_AUDIENCE,
  TOKEN_ALGORITHM,
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
  TOKEN_TTL_SECONDS,
} from '@holdfast/shared/runtime/access-token.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import type { Secrets } from '../platform/secrets/secrets.ts';
import {
  ACTIVE_AFTER_MS,
  type DatedKey,
  isDue,
  keysInUse,
  mayRotate,
  RELOAD_MS,
  signerOf,
} from './domain/signing-key-set.ts';
import type { TokenSigner } from './routes/sessions.ts';

const SECRET_NAME = 'auth/signing-keys';

interface StoredKey extends DatedKey {
  readonly jwk: JWK;
}

/** Several keys, so that rotation can overlap; see domain/signing-key-set.ts. */
interface StoredKeys {
  readonly version: 1;
  readonly keys: readonly StoredKey[];
}

export interface RotatedKey {
  readonly keyId: string;
  readonly signsFromMs: number;
}

export interface SigningKeys extends TokenSigner {
  /** The public keys, as served at /.well-known/jwks.json. */
  jwks(): Promise<JSONWebKeySet>;
  /** A token for the internal port; `service` is a target's name. */
  signService(service: string): Promise<string>;
  /**
   * Makes the next key, which signs a minute later; those before stay published until their last
   * token has expired. Throws STATE_CONFLICT while an earlier one waits for its minute.
   */
  rotate(): Promise<RotatedKey>;
}

export interface SigningKeysOptions {
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
  readonly secrets: Secrets;
  /** A key that is older is followed by the next one, when somebody asks for a token. */
  readonly ageMsMax: number;
}

/** Shared by all processes that share `secrets`; each reads them again every RELOAD_MS. */
export async function openSigningKeys(options: SigningKeysOptions): Promise<SigningKeys> {
  const keys = new StoredSigningKeys(options);
  await keys.current();
  return {
    async jwks() {
      const stored = await keys.current();
      return { keys: stored.map(({ jwk }) => publicPart(jwk)) };
    },
    sign: async ({ subject, tenant, sites, roles }) =>
      signWith(await keys.signer(), options.runtime, {
        audience: TOKEN_AUDIENCE,
        subject,
        claims: { tenant, sites, roles },
      }),
    signService: async (service) =>
      signWith(await keys.signer(), options.runtime, {
        audience: SERVICE_TOKEN_AUDIENCE,
        subject: service,
        claims: {},
      }),
    rotate: () => keys.rotate(),
  };
}

class StoredSigningKeys {
  readonly #options: SigningKeysOptions;
  #held: { readonly keys: readonly StoredKey[]; readonly readAtMs: number } | undefined;
  #reading: Promise<readonly StoredKey[]> | undefined;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /** Those that are in use, as of RELOAD_MS ago at most. */
  async current(): Promise<readonly StoredKey[]> {
    const { clock } = this.#options.runtime;
    if (this.#held && clock.monotonicMs() - this.#held.readAtMs < RELOAD_MS) return this.#held.keys;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async signer(): Promise<StoredKey> {
    return signerOf(await this.current(), this.#options.runtime.clock.now());
  }

  async rotate(): Promise<RotatedKey> {
    const { clock } = this.#options.runtime;
    const keys = await this.#load();
    if (!mayRotate(keys, clock.now())) {
      throw new AppError('STATE_CONFLICT', 'the key of the last rotation does not sign yet');
    }
    const next = await drawKey(clock.now());
    await this.#store([...keys, next]);
    return { keyId: next.jwk.kid!, signsFromMs: next.createdAtMs + ACTIVE_AFTER_MS };
  }

  async #read(): Promise<readonly StoredKey[]> {
    const { clock } = this.#options.runtime;
    const keys = await this.#load();
    const nowMs = clock.now();
    if (!isDue(keys, { nowMs, ageMsMax: this.#options.ageMsMax })) return this.#hold(keys);
    // Two processes may do it at once: the one key that is stored last is read before it signs.
    return this.#store([...keys, await drawKey(nowMs)]);
  }

  async #load(): Promise<readonly StoredKey[]> {
    const { clock } = this.#options.runtime;
    const value = await this.#options.secrets.ensure(SECRET_NAME, async () =>
      encode([await drawKey(clock.now())]),
    );
    const stored: StoredKeys = JSON.parse(Buffer.from(value).toString());
    assert(stored.version === 1, 'the stored signing keys have a version that this release knows');
    return this.#inUse(stored.keys);
  }

  async #store(keys: readonly StoredKey[]): Promise<readonly StoredKey[]> {
    await this.#options.secrets.write(SECRET_NAME, encode(this.#inUse(keys)));
    return this.#hold(this.#inUse(keys));
  }

  #hold(keys: readonly StoredKey[]): readonly StoredKey[] {
    this.#held = { keys, readAtMs: this.#options.runtime.clock.monotonicMs() };
    return keys;
  }

  #inUse(keys: readonly StoredKey[]): readonly StoredKey[] {
    const nowMs = this.#options.runtime.clock.now();
    return keysInUse(keys, { nowMs, tokenTtlMs: TOKEN_TTL_SECONDS * 1000 });
  }
}

async function signWith(
  { jwk }: StoredKey,
  { clock, random }: Pick<Runtime, 'clock' | 'random'>,
  token: { readonly audience: string; readonly subject: string; readonly claims: JWTPayload },
): Promise<string> {
  assert(jwk.kid, 'a signing key has an id');
  const nowMs = clock.now();
  const seconds = Math.floor(nowMs / 1000);
  return new SignJWT(token.claims)
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid: jwk.kid, typ: 'JWT' })
    .setSubject(token.subject)
    .setIssuer(TOKEN_ISSUER)
    .setAudience(token.audience)
    .setJti(prefixedId('tok', nowMs, random.bytes(10)))
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + TOKEN_TTL_SECONDS)
    .sign(await importJWK(jwk, TOKEN_ALGORITHM));
}

async function drawKey(createdAtMs: number): Promise<StoredKey> {
  const { privateKey } = await generateKeyPair(TOKEN_ALGORITHM, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { createdAtMs, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk) } };
}

function encode(keys: readonly StoredKey[]): Uint8Array {
  return Buffer.from(JSON.stringify({ version: 1, keys } satisfies StoredKeys));
}

/** Named one by one: what is private cannot slip out. */
function publicPart({ kid, kty, crv, x, y }: JWK): JWK {
  return { kid, kty, crv, x, y, alg: TOKEN_ALGORITHM, use: 'sig' } as JWK;
}
