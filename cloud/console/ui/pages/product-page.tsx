import { formatMoney } from '@holdfast/shared/ui/money-format.ts';
import { RelativeTime } from '@holdfast/shared/ui/relative-time.tsx';
import { useChange } from '@holdfast/shared/ui/use-change.ts';
import type { TargetedSubmitEvent } from 'preact';
import { useState } from 'preact/hooks';
import { useConsole } from '../console-context.ts';
import { LoadFailure, Waiting } from '../data-state.tsx';
import { Fact } from '../fact.tsx';
import { PageHeading } from '../page-heading.tsx';
import { isOneOf, usePerson } from '../principal.ts';
import type { Product } from '../product-api.ts';
import { ProductEditor } from '../product-editor.tsx';
import { DraftFields } from '../product-form.tsx';
import { ProductPicture } from '../product-image.tsx';
import { ProductUpload } from '../product-upload.tsx';
import { EMPTY_DRAFT, readDraft, TAX_CLASS_LABELS } from '../product-words.ts';
import { Refusal } from '../refusal.tsx';
import { NEW_PRODUCT, productPath, productsPath } from '../routes.ts';
import { useProduct } from '../use-product.ts';

export function ProductPage({ id }: { id: string }) {
  return (
    <>
      <a class="back small" href={productsPath()}>
        <span aria-hidden="true">←</span> All products
      </a>
      {id === NEW_PRODUCT ? <NewProduct /> : <OneProduct id={id} />}
    </>
  );
}

function OneProduct({ id }: { id: string }) {
  const mayWrite = isOneOf(usePerson(), ['manager', 'administrator']);
  const product = useProduct(id);
  const { shown, failure } = product;
  return (
    <>
      <PageHeading title={shown?.product.name ?? 'Product'} />
      {failure !== undefined && <LoadFailure what="The product" failure={failure} />}
      {!shown && failure === undefined && <Waiting what="product" stale={false} />}
      {shown && (
        <div class="product-page">
          <aside class="product-aside">
            <ProductPicture product={shown.product} />
            {mayWrite && <ProductUpload base={shown} onDone={product.load} />}
            <ProductFacts product={shown.product} isWhole={!mayWrite} />
          </aside>
          {mayWrite && <ProductEditor base={shown} product={product} />}
        </div>
      )}
    </>
  );
}

/** Whole for those who have no form that shows the rest. */
function ProductFacts({ product, isWhole }: { product: Product; isWhole: boolean }) {
  return (
    <>
      {isWhole && product.description !== '' && <p>{product.description}</p>}
      <dl class="facts">
        {isWhole && <FieldFacts product={product} />}
        <Fact name="Version">{product.version}</Fact>
        <Fact name="Changed">
          <RelativeTime atMs={Date.parse(product.updatedAt)} />
        </Fact>
      </dl>
    </>
  );
}

function FieldFacts({ product }: { product: Product }) {
  return (
    <>
      <Fact name="Item">
        <span class="mono">{product.item}</span>
      </Fact>
      <Fact name="Prices">{product.prices.map(formatMoney).join(', ') || 'none'}</Fact>
      <Fact name="Tax class">{TAX_CLASS_LABELS[product.taxClass] ?? product.taxClass}</Fact>
      {product.categories.length > 0 && (
        <Fact name="Categories">{product.categories.join(', ')}</Fact>
      )}
    </>
  );
}

function NewProduct() {
  const { api, router } = useConsole();
  const [draft, setDraft] = useState(EMPTY_DRAFT);
  const [wrong, setWrong] = useState('');
  const change = useChange<Product>();
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const read = readDraft(draft);
    setWrong(read.kind === 'wrong' ? read.words : '');
    if (read.kind === 'wrong') return;
    const body = read.fields;
    const made = await change.run(body, (idempotencyKey) =>
      api.change<Product>('POST', '/v1/products', { body, idempotencyKey }),
    );
    if (made) router.go(productPath(made.id), 'replace');
  };
  return (
    <>
      <PageHeading title="Add a product" />
      <form class="form card" onSubmit={submit}>
        <DraftFields draft={draft} onChange={setDraft} />
        {wrong !== '' && (
          <p class="notice notice-bad" role="alert">
            {wrong}
          </p>
        )}
        <Refusal refusal={change.refusal} />
        <div class="actions">
          <button type="submit" class="button button-main" disabled={change.busy}>
            {change.busy ? 'Adding…' : 'Add'}
          </button>
        </div>
      </form>
    </>
  );
}
