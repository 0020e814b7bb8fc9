import { rfc3339 } from '@holdfast/shared/domain/reading-time.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { allowsSite } from '@holdfast/shared/runtime/access-token.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import {
  cursorParameter,
  limitParameter,
  pageOf,
  pageReply,
  pageSchema,
} from '../../platform/http/page.ts';
import { DISCREPANCY_REASONS } from '../domain/records.ts';
import { findDiscrepancy, listDiscrepancies } from '../store/discrepancies.ts';
import { nameSchema, READERS, RESOLVERS, type RouteDeps, scopeOf } from './requests.ts';

const decimal = z.string().regex(/^[0-9]{1,19}$/);

/** Not an enumeration: a reason that is new would break whoever was generated from the old ones. */
const reasonSchema = z.string().meta({
  description: `One of ${DISCREPANCY_REASONS.join(', ')}; more may come.`,
});

const discrepancySchema = z
  .strictObject({
    id: z.string(),
    site: z.string(),
    item: z.string(),
    difference: z.int().meta({ description: 'What is missing (negative) or too much.' }),
    movementId: z.string(),
    reason: reasonSchema,
    detail: z.string(),
    state: z.enum(['open', 'resolved']),
    openedAt: z.iso.datetime(),
    resolvedAt: z.union([z.iso.datetime(), z.null()]),
  })
  .meta({ id: 'StockDiscrepancy' });

const NOTE_CHARS_MAX = 500;

/** What does not add up, and a person's word on it. */
export function discrepancyRoutes(api: Api, { sql, desk }: RouteDeps): void {
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/stock/discrepancies',
      tag: 'inventory',
      summary: 'List discrepancies, the latest first',
      caller: READERS,
      query: z.strictObject({
        limit: limitParameter(),
        cursor: cursorParameter(z.tuple([decimal, z.string()])),
        state: z.enum(['open', 'resolved']).default('open'),
        site: nameSchema.optional(),
      }),
      answers: { 200: { description: 'A page', body: pageSchema(discrepancySchema) } },
      list: true,
    },
    async ({ c, principal, query }) => {
      const { limit, cursor, state, site } = query;
      const before = cursor && { openedAt: BigInt(cursor[0]), id: cursor[1] };
      const page = { limit: limit + 1, state, before };
      const found = await sql.read((db) => listDiscrepancies(db, scopeOf(principal, site), page));
      const { items, next } = pageOf(found, limit, (last) => [String(last.openedAt), last.id]);
      return pageReply(c, { items: items.map(discrepancyJson), next_cursor: next });
    },
  );
  addRoute(
    api,
    {
      method: 'post',
      path: '/v1/stock/discrepancies/{id}/resolve',
      tag: 'inventory',
      summary: 'Resolve a discrepancy',
      description:
        'A person has looked. What it takes to put the stock right is a movement of its own; ' +
        'an item that was frozen by this is promised again.',
      caller: RESOLVERS,
      params: z.strictObject({ id: nameSchema }),
      body: z.strictObject({
        note: z
          .string()
          .min(1)
          .max(NOTE_CHARS_MAX)
          .refine((text) => !text.includes('\0') && text.isWellFormed(), 'holds no text'),
      }),
      answers: { 204: { description: 'Resolved' } },
      problems: ['STATE_CONFLICT'],
    },
    async ({ c, principal, params, body }) => {
      const { tenant, subject: actor } = principal;
      const { id } = params;
      const found = await sql.read((db) => findDiscrepancy(db, { tenant, id }));
      // What is elsewhere is not there (I10).
      if (!found || !allowsSite(principal, found.site)) {
        throw new AppError('NOT_FOUND', 'there is no such discrepancy');
      }
      const { note } = body;
      const outcome = await desk.run({
        ...{ kind: 'resolve', tenant, note, discrepancyId: id },
        by: { actor },
      });
      if (outcome.kind === 'refused') {
        throw new AppError('STATE_CONFLICT', `the discrepancy is ${outcome.state} already`);
      }
      return c.body(null, 204);
    },
  );
}

type Found = Awaited<ReturnType<typeof listDiscrepancies>>[number];

function discrepancyJson(found: Found): z.input<typeof discrepancySchema> {
  const { tenant: _, difference, openedAt, resolvedAt, ...same } = found;
  return {
    ...same,
    difference: Number(difference),
    openedAt: rfc3339(Number(openedAt)),
    resolvedAt: resolvedAt === null ? null : rfc3339(Number(resolvedAt)),
  };
}
