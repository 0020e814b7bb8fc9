import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { tagged, versionTag } from '../../platform/http/entity-tag.ts';
import { answerOnce, type Idempotency } from '../../platform/http/idempotency.ts';
import { cursorParameter, limitParameter, pageReply } from '../../platform/http/page.ts';
import {
  categorySchema,
  normalised,
  PRODUCT_ID,
  patched,
  productFieldsSchema,
  productPatchSchema,
} from '../domain/product.ts';
import { viewOf } from '../domain/view.ts';
import type { ProductReads } from '../store/product-reads.ts';
import type { ProductTables } from '../store/tables.ts';
import { type Catalogue, newsOf } from './catalogue.ts';
import { productPage, searchWords } from './product-page.ts';
import { productJson, productPageSchema, productParams, productSchema } from './schemas.ts';

export interface ProductRoutes {
  readonly sql: Sql<ProductTables>;
  readonly reads: ProductReads;
  readonly catalogue: Catalogue;
  readonly idempotency: Idempotency<ProductTables>;
}

const TAG = 'product';
const ITS_ANSWER = { description: 'The product; its ETag names the version.', body: productSchema };
/** Whoever has signed in reads; who writes is the policy's, so that each denial is audited. */
const SIGNED_IN = ROLES;

export function addProductRoutes(api: Api, product: ProductRoutes): void {
  addListRoute(api, product);
  addReadRoute(api, product);
  addCreateRoute(api, product);
  addChangeRoutes(api, product);
}

function addListRoute(api: Api, { sql }: ProductRoutes): void {
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/products',
      tag: TAG,
      summary: 'List or search the catalogue, in the order in which it was made',
      caller: SIGNED_IN,
      query: z.strictObject({
        text: z
          .string()
          .max(200)
          .transform(searchWords)
          .optional()
          .meta({ description: 'Beginnings of words, all of them; case and accents are alike.' }),
        category: categorySchema.optional(),
        limit: limitParameter(),
        cursor: cursorParameter(z.tuple([z.string().regex(PRODUCT_ID)])),
      }),
      answers: { 200: { description: 'A page of products.', body: productPageSchema } },
      list: true,
    },
    async ({ c, principal, query }) => {
      const { text: words = [], category, limit, cursor } = query;
      const of = { tenant: principal.tenant, words, category, limit, after: cursor?.[0] };
      const { views, next } = await productPage(sql, of);
      return pageReply(c, { items: views.map(productJson), next_cursor: next });
    },
  );
}

function addReadRoute(api: Api, { reads }: ProductRoutes): void {
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/products/{id}',
      tag: TAG,
      summary: 'Read a product',
      caller: SIGNED_IN,
      params: productParams,
      answers: { 200: ITS_ANSWER },
      tagged: true,
    },
    async ({ c, principal, params }) => {
      const [view] = await reads.get(principal.tenant, [params.id]);
      if (!view || view.deleted) throw new AppError('NOT_FOUND', 'there is no such product');
      return tagged(c, productJson(view), { tag: versionTag(view.version) });
    },
  );
}

function addCreateRoute(api: Api, { catalogue, idempotency }: ProductRoutes): void {
  addRoute(
    api,
    {
      method: 'post',
      path: '/v1/products',
      tag: TAG,
      summary: 'Add a product',
      caller: SIGNED_IN,
      body: productFieldsSchema,
      creates: true,
      answers: { 201: { ...ITS_ANSWER, headers: { Location: 'Where the product is.' } } },
      problems: ['CONFLICT'],
    },
    async (call) => {
      const { principal } = call;
      const { revision } = await catalogue.authorise(principal);
      const made: { tenant: string; id: string }[] = [];
      const answer = await idempotency.once(call.idempotency, async (tx) => {
        const fields = normalised(call.body);
        const product = await catalogue.create(tx, { fields, news: newsOf(principal, revision) });
        // The transaction may run again: the last one is the one that counts.
        made[0] = product;
        const location = `/v1/products/${product.id}`;
        const headers = { location, etag: versionTag(product.version) };
        return { status: 201, headers, body: productJson(viewOf(product)) };
      });
      for (const each of made) await catalogue.announce(each);
      return answerOnce(answer);
    },
  );
}

function addChangeRoutes(api: Api, { catalogue }: ProductRoutes): void {
  const change = {
    path: '/v1/products/{id}',
    tag: TAG,
    caller: SIGNED_IN,
    params: productParams,
    needsIfMatch: true,
  } as const;
  const problems = ['CONFLICT'] as const;
  const answers = { 200: ITS_ANSWER };
  addRoute(
    api,
    {
      ...change,
      method: 'put',
      summary: 'Replace a product; its images stay',
      body: productFieldsSchema,
      answers,
      problems,
    },
    async ({ c, principal, params, ifMatch, body }) => {
      const of = { principal, id: params.id, ifMatch };
      const view = await catalogue.change(of, async () => normalised(body));
      return tagged(c, productJson(view), { tag: versionTag(view.version) });
    },
  );
  addRoute(
    api,
    {
      ...change,
      method: 'patch',
      summary: 'Change fields of a product; lists are replaced whole',
      body: productPatchSchema,
      answers,
      problems,
    },
    async ({ c, principal, params, ifMatch, body }) => {
      const of = { principal, id: params.id, ifMatch };
      const view = await catalogue.change(of, async (_, before) => patched(before, body));
      return tagged(c, productJson(view), { tag: versionTag(view.version) });
    },
  );
  addRoute(
    api,
    {
      ...change,
      method: 'delete',
      summary: 'Delete a product; orders that name it keep it',
      answers: { 204: { description: 'It is deleted.' } },
    },
    async ({ c, principal, params, ifMatch }) => {
      await catalogue.remove({ principal, id: params.id, ifMatch });
      return c.body(null, 204);
    },
  );
}
