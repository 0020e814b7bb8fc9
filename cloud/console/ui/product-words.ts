import { amountText, formatMoney, parseAmount } from '@holdfast/shared/ui/money-format.ts';
import type { ProductFields } from './product-api.ts';

export const TAX_CLASS_LABELS: Readonly<Record<string, string>> = {
  standard: 'Standard',
  reduced: 'Reduced',
  super_reduced: 'Super reduced',
  zero: 'Zero',
};

/** What stands in the form: texts, as they are typed. */
export interface ProductDraft {
  readonly item: string;
  readonly name: string;
  readonly description: string;
  readonly taxClass: string;
  readonly prices: readonly PriceDraft[];
  readonly categories: string;
}

export interface PriceDraft {
  readonly currency: string;
  readonly amount: string;
}

export const EMPTY_DRAFT: ProductDraft = {
  item: '',
  name: '',
  description: '',
  taxClass: 'standard',
  prices: [{ currency: 'EUR', amount: '' }],
  categories: '',
};

export function draftOf({ prices, categories, ...fields }: ProductFields): ProductDraft {
  const { item, name, description, taxClass } = fields;
  return {
    ...{ item, name, description, taxClass },
    prices: prices.map((price) => ({ currency: price.currency, amount: amountText(price) })),
    categories: categories.join(', '),
  };
}

/** The fields that a draft stands for, or what is wrong with it in words. */
export type ReadDraft =
  | { readonly kind: 'fields'; readonly fields: ProductFields }
  | { readonly kind: 'wrong'; readonly words: string };

const CURRENCY = /^[A-Z]{3}$/;

export function readDraft(draft: ProductDraft): ReadDraft {
  const prices: { currency: string; minorUnits: number }[] = [];
  for (const { currency: typed, amount } of draft.prices) {
    const currency = typed.trim().toUpperCase();
    if (currency === '' && amount.trim() === '') continue;
    if (!CURRENCY.test(currency))
      return wrong(`“${typed}” is no currency; write EUR, for example.`);
    const minorUnits = parseAmount(amount, currency);
    if (minorUnits === undefined) return wrong(`“${amount}” is no amount in ${currency}.`);
    prices.push({ currency, minorUnits });
  }
  const categories = draft.categories.split(/[\s,]+/).filter(Boolean);
  return { kind: 'fields', fields: { ...draft, prices, categories } };
}

function wrong(words: string): ReadDraft {
  return { kind: 'wrong', words };
}

/** "€2.89 → €0.10 (−97 %)": what the policy of prices looks at. */
export function priceSteps(before: ProductFields, after: ProductFields): readonly string[] {
  const old = new Map(before.prices.map((price) => [price.currency, price]));
  return after.prices.flatMap((price) => {
    const from = old.get(price.currency);
    if (from === undefined || from.minorUnits === price.minorUnits) return [];
    const percent = Math.round((price.minorUnits / from.minorUnits - 1) * 100);
    const share = Number.isFinite(percent)
      ? ` (${percent < 0 ? '−' : '+'}${Math.abs(percent)} %)`
      : '';
    return [`${formatMoney(from)} → ${formatMoney(price)}${share}`];
  });
}

export interface FieldChange {
  readonly field: string;
  readonly from: string;
  readonly to: string;
}

const FIELDS: Readonly<Record<string, (fields: ProductFields) => string>> = {
  Name: ({ name }) => name,
  Item: ({ item }) => item,
  Description: ({ description }) => description,
  'Tax class': ({ taxClass }) => TAX_CLASS_LABELS[taxClass] ?? taxClass,
  Prices: ({ prices }) => prices.map(formatMoney).sort().join(', '),
  Categories: ({ categories }) => [...categories].sort().join(', '),
};

/** What differs between two versions, in words. */
export function fieldChanges(before: ProductFields, after: ProductFields): readonly FieldChange[] {
  return Object.entries(FIELDS)
    .map(([field, words]) => ({ field, from: words(before), to: words(after) }))
    .filter(({ from, to }) => from !== to);
}
