import { useState } from 'preact/hooks';
import type { PriceDraft, ProductDraft } from './product-words.ts';
import { TAX_CLASS_LABELS } from './product-words.ts';

export interface DraftFieldsProps {
  readonly draft: ProductDraft;
  readonly onChange: (draft: ProductDraft) => void;
}

/** The fields of a product, as texts. */
export function DraftFields({ draft, onChange }: DraftFieldsProps) {
  const set = (change: Partial<ProductDraft>): void => onChange({ ...draft, ...change });
  return (
    <div class="form-fields">
      <TextField label="Name" value={draft.name} required onText={(name) => set({ name })} />
      <TextField
        label="Item, its code in the warehouse"
        value={draft.item}
        required
        onText={(item) => set({ item })}
      />
      <label class="field form-wide">
        <span class="field-label">Description</span>
        <textarea
          class="input"
          rows={3}
          value={draft.description}
          onInput={(event) => set({ description: event.currentTarget.value })}
        />
      </label>
      <label class="field">
        <span class="field-label">Tax class</span>
        <select
          class="input"
          value={draft.taxClass}
          onChange={(event) => set({ taxClass: event.currentTarget.value })}
        >
          {Object.entries(TAX_CLASS_LABELS).map(([id, label]) => (
            <option key={id} value={id}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <TextField
        label="Categories"
        value={draft.categories}
        onText={(categories) => set({ categories })}
      />
      <PriceFields prices={draft.prices} onChange={(prices) => set({ prices })} />
    </div>
  );
}

interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly required?: boolean;
  readonly onText: (text: string) => void;
}

function TextField({ label, value, required = false, onText }: TextFieldProps) {
  return (
    <label class="field">
      <span class="field-label">{label}</span>
      <input
        class="input"
        value={value}
        required={required}
        onInput={(event) => onText(event.currentTarget.value)}
      />
    </label>
  );
}

interface PriceFieldsProps {
  readonly prices: readonly PriceDraft[];
  readonly onChange: (prices: readonly PriceDraft[]) => void;
}

function PriceFields({ prices, onChange }: PriceFieldsProps) {
  const set = (index: number, change: Partial<PriceDraft>): void =>
    onChange(prices.with(index, { ...prices[index]!, ...change }));
  // A currency that is being typed must not change which row it is.
  const [fixedCount] = useState(prices.length);
  return (
    <fieldset class="prices form-wide">
      <legend class="field-label">Prices</legend>
      {prices.map(({ currency, amount }, index) => (
        <div key={index} class="price-row">
          <input
            class="input price-currency"
            aria-label="Currency"
            value={currency}
            maxLength={3}
            readOnly={index < fixedCount && currency !== ''}
            onInput={(event) => set(index, { currency: event.currentTarget.value.toUpperCase() })}
          />
          <input
            class="input price-amount numeric"
            aria-label={`Price in ${currency || 'this currency'}`}
            inputMode="decimal"
            value={amount}
            onInput={(event) => set(index, { amount: event.currentTarget.value })}
          />
          <button
            type="button"
            class="button button-small"
            aria-label={`Remove the price in ${currency || 'this currency'}`}
            onClick={() => onChange(prices.toSpliced(index, 1))}
          >
            Remove
          </button>
        </div>
      ))}
      <button
        type="button"
        class="button button-small"
        onClick={() => onChange([...prices, { currency: '', amount: '' }])}
      >
        Add a currency
      </button>
    </fieldset>
  );
}
