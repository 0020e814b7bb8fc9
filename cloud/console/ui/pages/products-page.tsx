import { EmptyState } from '@holdfast/shared/ui/empty-state.tsx';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { usePoll } from '@holdfast/shared/ui/use-poll.ts';
import { useRef } from 'preact/hooks';
import type { Page } from '../api.ts';
import { useConsole } from '../console-context.ts';
import { LoadFailure, Waiting } from '../data-state.tsx';
import { PageHeading } from '../page-heading.tsx';
import { Pager } from '../pager.tsx';
import { isOneOf, usePerson } from '../principal.ts';
import type { Product } from '../product-api.ts';
import { ProductCard } from '../product-card.tsx';
import { NEW_PRODUCT, productPath, productsPath } from '../routes.ts';

const SHOWN_MAX = 24;
const PAUSE_MS = 5_000;

export interface ProductsPageProps {
  readonly search: string;
  readonly cursor: string;
}

export function ProductsPage({ search, cursor }: ProductsPageProps) {
  const { api, router, watch } = useConsole();
  const mayWrite = isOneOf(usePerson(), ['manager', 'administrator']);
  const stale = useObservable(watch.connection).kind === 'down';
  const query = new URLSearchParams({ limit: String(SHOWN_MAX) });
  if (search.trim() !== '') query.set('text', search);
  if (cursor !== '') query.set('cursor', cursor);
  const { data, failure } = usePoll<Page<Product>>(api, `/v1/products?${query}`, PAUSE_MS);
  // While the next word is looked for, what the last one found stays.
  const found = useRef(data);
  if (data || failure !== undefined) found.current = data;
  return (
    <>
      <PageHeading title="Products" />
      <div class="toolbar">
        <search class="search">
          <input
            class="input"
            type="search"
            aria-label="Search products"
            placeholder="Search by words of a product"
            value={search}
            onInput={(event) =>
              router.go(productsPath({ q: event.currentTarget.value }), 'replace')
            }
          />
        </search>
        {mayWrite && (
          <a class="button" href={productPath(NEW_PRODUCT)}>
            Add a product
          </a>
        )}
      </div>
      {failure !== undefined && !stale && <LoadFailure what="The products" failure={failure} />}
      {found.current ? (
        <Found page={found.current} search={search} cursor={cursor} />
      ) : (
        (failure === undefined || stale) && <Waiting what="products" stale={stale} />
      )}
    </>
  );
}

function Found({ page, search, cursor }: ProductsPageProps & { page: Page<Product> }) {
  if (page.items.length === 0 && search === '' && cursor === '') return <NoProducts />;
  const next = page.next_cursor ?? undefined;
  return (
    <>
      {page.items.length === 0 ? (
        <p class="waiting quiet">
          No product has these words. <a href={productsPath()}>Show all</a>
        </p>
      ) : (
        <ul class="products">
          {page.items.map((product) => (
            <li key={product.id}>
              <ProductCard product={product} />
            </li>
          ))}
        </ul>
      )}
      <Pager
        first={cursor === '' ? undefined : productsPath({ q: search })}
        next={next && productsPath({ q: search, cursor: next })}
        firstLabel="First page"
        nextLabel="More"
      />
    </>
  );
}

function NoProducts() {
  return (
    <EmptyState title="The catalogue is empty">
      <p>
        A manager adds products here, or by <code class="mono">POST /v1/products</code>.{' '}
        <code class="mono">npm start</code> begins with a small catalogue.
      </p>
    </EmptyState>
  );
}
