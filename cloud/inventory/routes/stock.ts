import { rfc3339 } from '@holdfast/shared/domain/reading-time.ts';
import { freeOf } from '@holdfast/shared/domain/stock-level.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { allowsSite } from '@holdfast/shared/runtime/access-token.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { tagged, versionTag } from '../../platform/http/entity-tag.ts';
import {
  cursorParameter,
  limitParameter,
  pageOf,
  pageReply,
  pageSchema,
} from '../../platform/http/page.ts';
import type { LevelRecord } from '../domain/records.ts';
import { findLevel, listLevels } from '../store/levels.ts';
import { nameSchema, READERS, type RouteDeps, scopeOf } from './requests.ts';

export const levelSchema = z
  .strictObject({
    site: z.string(),
    item: z.string(),
    onHand: z.int().meta({ description: 'Sold and not yet picked included.' }),
    reserved: z.int().meta({ description: 'Held for orders that are not confirmed.' }),
    sold: z.int().meta({ description: 'Confirmed and not picked yet.' }),
    free: z.int().meta({ description: 'What may still be promised.' }),
    frozen: z.boolean().meta({ description: 'Nothing is promised until a person looked.' }),
    version: z.int(),
    changedAt: z.iso.datetime(),
  })
  .meta({ id: 'StockLevel' });

/** What the ledger says. */
export function stockRoutes(api: Api, { sql }: RouteDeps): void {
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/stock',
      tag: 'inventory',
      summary: 'List stock by item and site',
      caller: READERS,
      query: z.strictObject({
        limit: limitParameter(),
        cursor: cursorParameter(z.tuple([z.string(), z.string()])),
        item: nameSchema.optional(),
        site: nameSchema.optional(),
      }),
      answers: { 200: { description: 'A page of levels', body: pageSchema(levelSchema) } },
      list: true,
    },
    async ({ c, principal, query }) => {
      const { limit, cursor, item, site } = query;
      const scope = scopeOf(principal, site);
      const after = cursor && { item: cursor[0], site: cursor[1] };
      const found = await sql.read((db) =>
        listLevels(db, scope, { limit: limit + 1, item, after }),
      );
      const { items, next } = pageOf(found, limit, (last) => [last.item, last.site]);
      return pageReply(c, { items: items.map(levelJson), next_cursor: next });
    },
  );
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/stock/{site}/{item}',
      tag: 'inventory',
      summary: 'One item at one site',
      caller: READERS,
      params: z.strictObject({ site: nameSchema, item: nameSchema }),
      answers: { 200: { description: 'The level', body: levelSchema } },
      tagged: true,
    },
    async ({ c, principal, params }) => {
      const { tenant } = principal;
      const level = allowsSite(principal, params.site)
        ? await sql.read((db) => findLevel(db, { tenant, ...params }))
        : undefined;
      // What is elsewhere is not there (I10).
      if (!level) throw new AppError('NOT_FOUND', 'there is no such item at this site');
      return tagged(c, levelJson(level), { tag: versionTag(level.version) });
    },
  );
}

export function levelJson(level: LevelRecord): z.input<typeof levelSchema> {
  const { site, item, onHand, reserved, sold, frozen, version, changedAt } = level;
  return {
    ...{ site, item },
    onHand: Number(onHand),
    reserved: Number(reserved),
    sold: Number(sold),
    free: Number(freeOf(level)),
    frozen: frozen > 0n,
    version: Number(version),
    changedAt: rfc3339(Number(changedAt)),
  };
}
