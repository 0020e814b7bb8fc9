import { describe, expect, it } from 'vitest';
import type { ProductFields } from './product-api.ts';
import { draftOf, fieldChanges, priceSteps, readDraft } from './product-words.ts';

const PEAS: ProductFields = {
  item: 'FRZ-PEAS-1KG',
  name: 'Garden peas',
  description: '',
  taxClass: 'reduced',
  prices: [
    { currency: 'EUR', minorUnits: 329 },
    { currency: 'JPY', minorUnits: 500 },
  ],
  categories: ['frozen', 'vegetables'],
};

describe('a draft of a product', () => {
  it('stands for the very fields that it was made from', () => {
    expect(readDraft(draftOf(PEAS))).toEqual({ kind: 'fields', fields: PEAS });
  });

  it('leaves out an empty price, and says which text is no amount or currency', () => {
    const draft = draftOf(PEAS);
    const withPrice = (currency: string, amount: string) =>
      readDraft({ ...draft, prices: [{ currency, amount }] });
    expect(withPrice('', ' ')).toMatchObject({ fields: { prices: [] } });
    expect(withPrice('eur', '3,5')).toMatchObject({
      fields: { prices: [{ currency: 'EUR', minorUnits: 350 }] },
    });
    expect(withPrice('EUR', 'much')).toMatchObject({ words: '“much” is no amount in EUR.' });
    expect(withPrice('JPY', '5.50')).toMatchObject({ kind: 'wrong' });
    expect(withPrice('Euro', '1')).toMatchObject({ kind: 'wrong' });
  });
});

describe('two versions of a product', () => {
  it('differ in the fields that somebody changed, whatever the order of the lists', () => {
    const { prices, categories } = PEAS;
    const same = { ...PEAS, prices: prices.toReversed(), categories: categories.toReversed() };
    expect(fieldChanges(PEAS, same)).toEqual([]);
    expect(fieldChanges(PEAS, { ...PEAS, name: 'Peas', categories: [] })).toEqual([
      { field: 'Name', from: 'Garden peas', to: 'Peas' },
      { field: 'Categories', from: 'frozen, vegetables', to: '' },
    ]);
  });

  it('say how far each price goes', () => {
    const prices = [
      { currency: 'EUR', minorUnits: 33 },
      { currency: 'USD', minorUnits: 100 },
      { currency: 'JPY', minorUnits: 750 },
    ];
    expect(priceSteps(PEAS, { ...PEAS, prices })).toEqual([
      '€3.29 → €0.33 (−90 %)',
      '¥500 → ¥750 (+50 %)',
    ]);
    const free = { ...PEAS, prices: [{ currency: 'EUR', minorUnits: 0 }] };
    expect(priceSteps(free, PEAS)).toEqual(['€0.00 → €3.29']);
  });
});
