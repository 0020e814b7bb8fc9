import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { pageOf } from '../../platform/http/page.ts';
import { type ProductView, viewOf } from '../domain/view.ts';
import { SEARCH_WORDS_MAX, wordsOf } from '../domain/words.ts';
import { type ProductQuery, searchProducts } from '../store/search.ts';
import type { ProductTables } from '../store/tables.ts';

/** One page of the catalogue, for HTTP and for peers. */
export async function productPage(
  sql: Sql<ProductTables>,
  query: ProductQuery,
): Promise<{ readonly views: readonly ProductView[]; readonly next: string | null }> {
  const found = await sql.read((db) => searchProducts(db, { ...query, limit: query.limit + 1 }));
  const { items, next } = pageOf(found, query.limit, (last) => [last.id]);
  return { views: items.map(viewOf), next };
}

/** The words of a search; a text without any is REQUEST_INVALID: it would find everything. */
export function searchWords(text: string): readonly string[] {
  const words = wordsOf(text);
  if (words.length >= 1 && words.length <= SEARCH_WORDS_MAX) return words;
  const detail = `must have 1 to ${SEARCH_WORDS_MAX} words`;
  throw new AppError('REQUEST_INVALID', `/text: ${detail}`, {
    fields: [{ pointer: '/text', detail }],
  });
}
