import type { Product } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { GraphContext } from './context.ts';
import { cursorText, FIRST_PAGE, pageCursor } from './domain/page-cursor.ts';
import { PAGE_DEFAULT, PAGE_MAX } from './limits.ts';

export interface ProductsArguments {
  readonly text?: string | null;
  readonly category?: string | null;
  readonly first?: number | null;
  readonly after?: string | null;
}

/** One page as a Relay connection, by one call. */
export async function productConnection(
  { text, category, first, after }: ProductsArguments,
  { peers, scope, loaders }: GraphContext,
) {
  const wanted = first ?? PAGE_DEFAULT;
  if (wanted < 1 || wanted > PAGE_MAX) throw invalid('first', `must be 1 to ${PAGE_MAX}`);
  const from = after == null ? FIRST_PAGE : pageCursor(after);
  if (!from || from.seen >= PAGE_MAX) throw invalid('after', 'is not a cursor of this list');
  const limit = Math.min(from.seen + wanted, PAGE_MAX);
  const filter = { text: text ?? '', category: category ?? '' };
  const answer = await peers.products.listProducts(
    { ...filter, limit, cursor: from.page },
    { scope },
  );
  const isFull = answer.nextCursor !== '';
  const edges = answer.products.slice(from.seen).map((node, index, { length }) => {
    const isLast = isFull && index === length - 1;
    const place = { page: from.page, seen: from.seen + index + 1 };
    return { node, cursor: cursorText(isLast ? { page: answer.nextCursor, seen: 0 } : place) };
  });
  for (const { node } of edges) loaders.product.prime(node.id, node);
  return {
    edges,
    nodes: edges.map(({ node }): Product => node),
    pageInfo: {
      hasNextPage: isFull,
      hasPreviousPage: false,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

export function invalid(name: string, detail: string): AppError {
  const field = { pointer: `/${name}`, detail };
  return new AppError('REQUEST_INVALID', `${name} ${detail}`, { fields: [field] });
}
