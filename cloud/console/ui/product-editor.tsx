import type { TargetedSubmitEvent } from 'preact';
import { useState } from 'preact/hooks';
import type { TaggedProduct } from './product-api.ts';
import { DraftFields } from './product-form.tsx';
import { draftOf, type ProductDraft, priceSteps, readDraft } from './product-words.ts';
import { Refusal } from './refusal.tsx';
import type { Overtaken, useProduct } from './use-product.ts';

export interface ProductEditorProps {
  readonly base: TaggedProduct;
  readonly product: ReturnType<typeof useProduct>;
}

/** Changes a product from the version that was read; what somebody did meanwhile is not lost. */
export function ProductEditor({ base, product }: ProductEditorProps) {
  const [draft, setDraft] = useState<ProductDraft>(() => draftOf(base.product));
  const [wrong, setWrong] = useState('');
  const [saved, setSaved] = useState(false);
  const { change, overtaken } = product;
  const save = async (from: TaggedProduct): Promise<void> => {
    const read = readDraft(draft);
    setWrong(read.kind === 'wrong' ? read.words : '');
    setSaved(false);
    if (read.kind === 'fields') setSaved(await product.save(read.fields, from));
  };
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    void save(base);
  };
  const takeTheirs = async (): Promise<void> => {
    change.clear();
    const read = await product.load();
    if (read) setDraft(draftOf(read.product));
  };
  return (
    <form class="form card" onSubmit={submit}>
      <DraftFields draft={draft} onChange={setDraft} />
      {wrong !== '' && (
        <p class="notice notice-bad" role="alert">
          {wrong}
        </p>
      )}
      <Refusal refusal={change.refusal} />
      {change.refusal?.code === 'FORBIDDEN' && <PriceSteps base={base} draft={draft} />}
      {overtaken && (
        <OvertakenNotice
          overtaken={overtaken}
          onTheirs={takeTheirs}
          onMine={() => save(overtaken.newest)}
        />
      )}
      <div class="actions">
        <button type="submit" class="button button-main" disabled={change.busy}>
          {change.busy ? 'Saving…' : 'Save'}
        </button>
        <span role="status" class="quiet">
          {saved && 'Saved.'}
        </span>
      </div>
    </form>
  );
}

/** Beside a refusal: how far the prices would go. */
function PriceSteps({ base, draft }: { base: TaggedProduct; draft: ProductDraft }) {
  const read = readDraft(draft);
  const steps = read.kind === 'fields' ? priceSteps(base.product, read.fields) : [];
  if (steps.length === 0) return null;
  return <p class="quiet">What you asked for: {steps.join(', ')}.</p>;
}

interface OvertakenNoticeProps {
  readonly overtaken: Overtaken;
  readonly onTheirs: () => void;
  readonly onMine: () => void;
}

function OvertakenNotice({ overtaken, onTheirs, onMine }: OvertakenNoticeProps) {
  const { changes } = overtaken;
  return (
    <div class="notice notice-warn overtaken" data-testid="overtaken">
      <p>What they changed since you opened it:</p>
      <ul class="overtaken-list">
        {changes.length === 0 && <li>its images</li>}
        {changes.map(({ field, from, to }) => (
          <li key={field}>
            <strong>{field}</strong>: {from || 'nothing'} → {to || 'nothing'}
          </li>
        ))}
      </ul>
      <div class="actions">
        <button type="button" class="button button-small" onClick={onTheirs}>
          Take theirs
        </button>
        <button type="button" class="button button-small" onClick={onMine}>
          Save mine over it
        </button>
      </div>
    </div>
  );
}
