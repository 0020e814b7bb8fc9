import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { bytesOf, type Objects } from '../../platform/objects/objects.ts';
import { IMAGE_BYTES_MAX, type ImageType, imageKey, imageTypeOf } from '../domain/image.ts';
import { IMAGES_MAX } from '../domain/product.ts';
import type { ProductView } from '../domain/view.ts';
import {
  dropImages,
  findImage,
  forgetLeftovers,
  noteUpload,
  oldLeftovers,
  saveImage,
} from '../store/image-objects.ts';
import type { ProductTables } from '../store/tables.ts';
import type { Catalogue, Change } from './catalogue.ts';

/** By then every upload has ended, and everybody who began to read has read. */
const LEFTOVER_KEPT_MICROS = 3_600_000_000n;
/** Of one sweep. */
export const SWEPT_MAX = 100;

export interface ProductImagesOptions {
  readonly sql: Sql<ProductTables>;
  readonly objects: Objects;
  readonly catalogue: Catalogue;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
}

export interface ReadImage {
  readonly contentType: string;
  readonly checksum: string;
  readonly bytes: () => Promise<Buffer>;
}

/** The pictures of products: bytes in `objects`, what they are in a table. */
export class ProductImages {
  readonly #options: ProductImagesOptions;

  constructor(options: ProductImagesOptions) {
    this.#options = options;
  }

  /** Adds or replaces it. Throws UNSUPPORTED_MEDIA_TYPE when the bytes are of another type. */
  async put(
    change: Change & { readonly name: string },
    { mediaType, bytes }: { readonly mediaType: string; readonly bytes: Uint8Array },
  ): Promise<ProductView> {
    const { catalogue, objects, sql, runtime } = this.#options;
    const { principal, id: productId, name } = change;
    await catalogue.authorise(principal, productId);
    const contentType = requireType(bytes, mediaType);
    const uploadId = prefixedId('img', runtime.clock.now(), runtime.random.bytes(10));
    const objectKey = imageKey({ tenant: principal.tenant, productId, uploadId });
    const now = runtime.clock.nowMicros();
    await noteUpload(sql, { objectKey, since: now });
    const stored = await objects.put(objectKey, bytes, { contentType, bytesMax: IMAGE_BYTES_MAX });
    const row = { productId, name, objectKey, contentType };
    return catalogue.change(change, async (tx, before) => {
      const others = before.images.filter((image) => image.name !== name);
      if (others.length >= IMAGES_MAX) {
        throw new AppError('CONFLICT', `a product has at most ${IMAGES_MAX} images`);
      }
      await saveImage(tx, { ...row, bytes: stored.bytes, checksum: stored.checksum, now });
      return before;
    });
  }

  async remove(change: Change & { readonly name: string }): Promise<ProductView> {
    const { name, id: productId } = change;
    const now = this.#options.runtime.clock.nowMicros();
    return this.#options.catalogue.change(change, async (tx, before) => {
      if (!before.images.some((image) => image.name === name)) throw notFound();
      await dropImages(tx, { productId, name, now });
      return before;
    });
  }

  /** Of a product that its reader may see. */
  async read(of: { readonly productId: string; readonly name: string }): Promise<ReadImage> {
    const row = await this.#options.sql.read((db) => findImage(db, of));
    if (!row) throw notFound();
    const { contentType, checksum, objectKey } = row;
    const bytes = async (): Promise<Buffer> => {
      const object = await this.#options.objects.get(objectKey);
      if (object) return bytesOf(object);
      throw new AppError('STORE_DAMAGED', `the bytes of the image ${objectKey} are gone`);
    };
    return { contentType, checksum, bytes };
  }

  /** Deletes objects that no image names; how many. Several processes may do it at once. */
  async sweep(): Promise<number> {
    const { sql, objects, runtime } = this.#options;
    const before = runtime.clock.nowMicros() - LEFTOVER_KEPT_MICROS;
    const keys = await oldLeftovers(sql, { before, limit: SWEPT_MAX });
    for (const key of keys) await objects.delete(key);
    if (keys.length > 0) await forgetLeftovers(sql, keys);
    return keys.length;
  }
}

function requireType(bytes: Uint8Array, mediaType: string): ImageType {
  const found = imageTypeOf(bytes);
  if (found === mediaType) return found;
  throw new AppError(
    'UNSUPPORTED_MEDIA_TYPE',
    found ? `the bytes are ${found}, not ${mediaType}` : 'the bytes are no PNG, JPEG or WebP',
  );
}

function notFound(): AppError {
  return new AppError('NOT_FOUND', 'there is no such image');
}
