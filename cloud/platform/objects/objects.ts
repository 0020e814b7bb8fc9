/**
 * Large values by key: images, archives, exports.
 *
 * - When `put` resolves, the object MUST survive a power cut. It takes effect at once and whole: a
 *   reader sees the object before or the one after, never a part. When it rejects, the object is
 *   the one before or, where only the last sync failed, the one after.
 * - Of two puts of one key at the same time, one is the object afterwards.
 * - A `put` with a checksum that is not the body's is REQUEST_INVALID; a body of more bytes than
 *   `bytesMax`, or than OBJECT_BYTES_MAX, is PAYLOAD_TOO_LARGE. Neither leaves anything behind.
 * - `get` gives the bytes that were put, or throws STORE_DAMAGED before the last of them (I2). What
 *   it began to read it reads to the end, also when the object is replaced or deleted meanwhile.
 *   Who does not read to the end MUST call `close`.
 * - `get` and `head` of a key that is not there give undefined.
 * - `delete` is idempotent; when it resolves, the object stays deleted after a power cut.
 * - `list` gives the keys with the prefix, sorted by bytes, at most `limit` of those after `after`.
 *   What is put or deleted meanwhile MAY be in the list or not.
 * - A key has 1 to KEY_CHARS_MAX characters: parts of a-z, 0-9, '.', '_' and '-' that begin with
 *   a-z or 0-9, joined by '/'. Others are REQUEST_INVALID. No key hides another: `a` and `a/b` are
 *   two objects.
 * - A content type has at most CONTENT_TYPE_CHARS_MAX visible ASCII characters and blanks.
 * - Several processes of one machine MAY use the same objects.
 * - After `close`, every call throws UNAVAILABLE.
 */
export interface Objects {
  put(key: string, body: ObjectBody, options: PutOptions): Promise<ObjectInfo>;
  get(key: string): Promise<StoredObject | undefined>;
  head(key: string): Promise<ObjectInfo | undefined>;
  delete(key: string): Promise<void>;
  list(prefix: string, options?: ListOptions): Promise<readonly string[]>;
  close(): Promise<void>;
}

export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array>;

export interface PutOptions {
  readonly contentType: string;
  /** SHA-256 of the body, hexadecimal, when the sender knows it. */
  readonly checksum?: string;
  /** At most OBJECT_BYTES_MAX. */
  readonly bytesMax?: number;
}

export interface ListOptions {
  readonly after?: string;
  readonly limit?: number;
}

export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  readonly contentType: string;
  /** SHA-256, hexadecimal. */
  readonly checksum: string;
}

export interface StoredObject extends ObjectInfo {
  /** Once. */
  readonly body: AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export const OBJECT_BYTES_MAX = 256 * 1024 * 1024;
export const KEY_CHARS_MAX = 512;
/** Of one part of a key, so that it fits a file's name with what an adapter adds. */
export const KEY_PART_CHARS_MAX = 200;
export const CONTENT_TYPE_CHARS_MAX = 128;
export const LIST_LIMIT_MAX = 1_000;

/** All of it, for objects that are known to be small. */
export async function bytesOf(object: StoredObject): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of object.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
