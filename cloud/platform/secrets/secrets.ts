/**
 * Keys, database credentials, the CA.
 *
 * - `write` resolves when the value MUST survive a power cut. A reader sees the old value or the
 *   new one, never a part.
 * - `ensure` makes a value once: of several processes that ask at the same time all get the same
 *   one.
 * - Names match `[a-z0-9][a-z0-9-/]*`, values have at most 64 KiB.
 * - What is stored is readable by this user only; the adapter MUST NOT start when others could read
 *   it.
 * - Values never appear in errors or logs.
 */
export interface Secrets {
  read(name: string): Promise<Uint8Array | undefined>;
  write(name: string, value: Uint8Array): Promise<void>;
  ensure(name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  close(): Promise<void>;
}
