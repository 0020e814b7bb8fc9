import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { isNotModified, tagged, versionTag } from '../../platform/http/entity-tag.ts';
import { IMAGE_BYTES_MAX, IMAGE_TYPES } from '../domain/image.ts';
import type { ProductReads } from '../store/product-reads.ts';
import type { ProductImages } from './product-images.ts';
import { imageParams, productJson, productSchema } from './schemas.ts';

export interface ImageRoutes {
  readonly reads: ProductReads;
  readonly images: ProductImages;
}

const ROUTE = {
  path: '/v1/products/{id}/images/{name}',
  tag: 'product',
  caller: ROLES,
  params: imageParams,
} as const;

/** The address names the bytes, and who may see them must stay the only one who has them. */
const CACHED_FOR_EVER = 'private, max-age=31536000, immutable';

export function addImageRoutes(api: Api, { reads, images }: ImageRoutes): void {
  addReadRoute(api, { reads, images });
  const change = { ...ROUTE, needsIfMatch: true } as const;
  const answers = {
    200: { description: 'The product with its images.', body: productSchema },
  } as const;
  addRoute(
    api,
    {
      ...change,
      method: 'put',
      summary: 'Add or replace an image; If-Match names the version of the product',
      upload: { mediaTypes: IMAGE_TYPES, bytesMax: IMAGE_BYTES_MAX },
      answers,
      problems: ['CONFLICT'],
    },
    async ({ c, principal, params, ifMatch, body }) => {
      const view = await images.put({ principal, ...params, ifMatch }, body);
      return tagged(c, productJson(view), { tag: versionTag(view.version) });
    },
  );
  addRoute(
    api,
    {
      ...change,
      method: 'delete',
      summary: 'Delete an image; If-Match names the version of the product',
      answers,
    },
    async ({ c, principal, params, ifMatch }) => {
      const view = await images.remove({ principal, ...params, ifMatch });
      return tagged(c, productJson(view), { tag: versionTag(view.version) });
    },
  );
}

function addReadRoute(api: Api, { reads, images }: ImageRoutes): void {
  addRoute(
    api,
    {
      ...ROUTE,
      method: 'get',
      summary: 'Read an image; with its checksum in the query it may be kept for ever',
      query: z.strictObject({
        checksum: z
          .string()
          .regex(/^[0-9a-f]{64}$/)
          .optional(),
      }),
      answers: {
        200: { description: 'The bytes.', mediaType: 'image/*' },
      },
      problems: ['STORE_DAMAGED'],
      tagged: true,
    },
    async ({ c, principal, params, query }) => {
      const [view] = await reads.get(principal.tenant, [params.id]);
      if (!view || view.deleted) throw new AppError('NOT_FOUND', 'there is no such product');
      const image = await images.read({ productId: params.id, name: params.name });
      const isNamed = query.checksum === image.checksum;
      const headers = {
        etag: `"${image.checksum}"`,
        'cache-control': isNamed ? CACHED_FOR_EVER : 'no-cache',
        'content-type': image.contentType,
        'x-content-type-options': 'nosniff',
        vary: 'Authorization',
      };
      if (isNotModified(c.req.header('if-none-match'), headers.etag)) {
        return new Response(null, { status: 304, headers });
      }
      return new Response(new Uint8Array(await image.bytes()), { headers });
    },
  );
}
