import { rfc3339 } from '@holdfast/shared/domain/reading-time.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import {
  cursorParameter,
  limitParameter,
  pageOf,
  pageReply,
  pageSchema,
} from '../../platform/http/page.ts';
import { listParked } from '../store/parked.ts';
import { nameSchema, RESOLVERS, type RouteDeps, scopeOf } from './requests.ts';

const nullableText = z.union([z.string(), z.null()]);

const parkedSchema = z
  .strictObject({
    id: z.string(),
    site: nullableText,
    item: nullableText.meta({ description: 'Frozen until its discrepancy is resolved.' }),
    reason: z.string(),
    detail: z.string(),
    gatewayId: nullableText,
    incarnation: nullableText,
    sequence: z.union([z.int(), z.null()]),
    recordCount: z.int(),
    parkedAt: z.iso.datetime(),
    base64: z.string().meta({ description: 'What came, byte by byte; at most its first 4 KiB.' }),
  })
  .meta({ id: 'ParkedStockMessage' });

const SHOWN_BYTES_MAX = 4_096;

/** What gateways sent and nobody could read. */
export function parkedRoutes(api: Api, { sql }: RouteDeps): void {
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/stock/parked',
      tag: 'inventory',
      summary: 'List messages that were set aside, the latest first',
      caller: RESOLVERS,
      query: z.strictObject({
        limit: limitParameter(),
        cursor: cursorParameter(z.tuple([z.string().regex(/^[0-9]{1,18}$/)])),
        site: nameSchema.optional(),
      }),
      answers: { 200: { description: 'A page', body: pageSchema(parkedSchema) } },
      list: true,
    },
    async ({ c, principal, query }) => {
      const { limit, cursor, site } = query;
      const before = cursor && BigInt(cursor[0]);
      const page = { limit: limit + 1, before };
      const found = await sql.read((db) => listParked(db, scopeOf(principal, site), page));
      const { items, next } = pageOf(found, limit, (last) => [String(last.id)]);
      return pageReply(c, { items: items.map(parkedJson), next_cursor: next });
    },
  );
}

type Found = Awaited<ReturnType<typeof listParked>>[number];

function parkedJson(row: Found): z.input<typeof parkedSchema> {
  const { site, item, reason, detail, incarnation, body } = row;
  return {
    ...{ id: String(row.id), site, item, reason, detail, incarnation },
    gatewayId: row.gateway_id,
    sequence: row.first_sequence === null ? null : Number(row.first_sequence),
    recordCount: Number(row.record_count),
    parkedAt: rfc3339(Number(row.parked_at)),
    base64: Buffer.from(body.subarray(0, SHOWN_BYTES_MAX)).toString('base64'),
  };
}
