export const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/webp'] as const;
export type ImageType = (typeof IMAGE_TYPES)[number];

export const IMAGE_BYTES_MAX = 2 * 1024 * 1024;
export const IMAGE_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const JPEG = Buffer.from([0xff, 0xd8, 0xff]);

/**
 * What the bytes say they are, whatever the sender says: a browser that was told `image/png` shows
 * nothing else (with `nosniff`), and nobody stores a page as a picture.
 */
export function imageTypeOf(bytes: Uint8Array): ImageType | undefined {
  if (beginsWith(bytes, 0, PNG)) return 'image/png';
  if (beginsWith(bytes, 0, JPEG)) return 'image/jpeg';
  const isWebp =
    beginsWith(bytes, 0, Buffer.from('RIFF')) && beginsWith(bytes, 8, Buffer.from('WEBP'));
  return isWebp ? 'image/webp' : undefined;
}

function beginsWith(bytes: Uint8Array, at: number, magic: Uint8Array): boolean {
  return magic.every((byte, index) => bytes[at + index] === byte);
}

/** Each upload has an object of its own: deleting one never takes another's bytes. */
export function imageKey(of: {
  readonly tenant: string;
  readonly productId: string;
  readonly uploadId: string;
}): string {
  return `products/${of.tenant}/${of.productId}/${of.uploadId}`;
}
