import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** How far the sender's clock may be from ours. */
export const SKEW_MS_MAX = 60_000;
/** Nonces of the last minutes; when it is full nobody is let in. */
export const NONCES_MAX = 400_000;
const NONCE_CHARS_MAX = 100;
const DIGEST = /#PasswordDigest$/;

/** As the SOAP library hands it over. Anything given twice is a list, and refused. */
const tokenSchema = z.object({
  UsernameToken: z.object({
    Username: z.string(),
    Password: z.object({
      attributes: z.object({ Type: z.string().regex(DIGEST) }),
      $value: z.string(),
    }),
    Nonce: z.union([
      z.string().max(NONCE_CHARS_MAX),
      z.object({ $value: z.string().max(NONCE_CHARS_MAX) }).transform((nonce) => nonce.$value),
    ]),
    Created: z.string().max(40),
  }),
});

export type TokenVerdict = 'ok' | 'malformed' | 'wrong' | 'skewed' | 'replayed' | 'full';

/** Checks UsernameTokens (WS-Security UsernameToken Profile 1.0 §3.1), each nonce once. */
export class UsernameTokens {
  readonly #seen = new Map<string, number>();
  readonly #username: string;
  readonly #secretPassword: string;

  constructor(options: { readonly username: string; readonly secretPassword: string }) {
    this.#username = options.username;
    this.#secretPassword = options.secretPassword;
  }

  check(header: unknown, nowMs: number): TokenVerdict {
    const parsed = tokenSchema.safeParse(header);
    if (!parsed.success) return 'malformed';
    const { Username, Password, Nonce, Created } = parsed.data.UsernameToken;
    const nonce = Buffer.from(Nonce, 'base64');
    const digest = createHash('sha1').update(nonce).update(Created).update(this.#secretPassword);
    if (Username !== this.#username || !isSame(digest.digest(), Password.$value)) return 'wrong';
    const createdMs = Date.parse(Created);
    if (!(Math.abs(nowMs - createdMs) <= SKEW_MS_MAX)) return 'skewed';
    this.#forget(nowMs);
    // As bytes: the same nonce has more than one spelling in base64.
    const key = nonce.toString('latin1');
    if (this.#seen.has(key)) return 'replayed';
    if (this.#seen.size >= NONCES_MAX) return 'full';
    // Until its own time can no longer be let in.
    this.#seen.set(key, nowMs + 2 * SKEW_MS_MAX);
    return 'ok';
  }

  #forget(nowMs: number): void {
    for (const [nonce, untilMs] of this.#seen) {
      if (untilMs >= nowMs) return;
      this.#seen.delete(nonce);
    }
  }
}

function isSame(digest: Buffer, given: string): boolean {
  const bytes = Buffer.from(given, 'base64');
  return bytes.length === digest.length && timingSafeEqual(bytes, digest);
}
