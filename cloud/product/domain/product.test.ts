import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageTypeOf } from './image.ts';
import { normalised, patched, priceChanges, productFieldsSchema } from './product.ts';
import { endOfPrefix, WORDS_MAX, wordsOf } from './words.ts';

const FIELDS = {
  item: 'FRZ-PEAS-1KG',
  name: ' Garden peas ',
  taxClass: 'reduced',
  prices: [
    { currency: 'USD', minorUnits: 449 },
    { currency: 'EUR', minorUnits: 399 },
  ],
};
const PEAS = normalised(productFieldsSchema.parse(FIELDS));

describe('a product', () => {
  it('has one spelling, whatever order its parts came in', () => {
    expect(PEAS).toEqual({
      ...FIELDS,
      name: 'Garden peas',
      description: '',
      prices: [...FIELDS.prices].reverse(),
      categories: [],
    });
  });

  it('is refused with the field that is wrong', () => {
    const wrong = {
      item: ['', ' a', 'a b', 'ä', 'a'.repeat(65)],
      name: ['', '  ', 'a\0', '\ud800', 'a'.repeat(201)],
      taxClass: ['luxury'],
      categories: [['Frozen'], ['-a'], Array.from({ length: 21 }, (_, at) => `c${at}`)],
      prices: [
        [{ currency: 'eur', minorUnits: 1 }],
        [{ currency: 'EUR', minorUnits: 1.5 }],
        [{ currency: 'EUR', minorUnits: -1 }],
        [...FIELDS.prices, { currency: 'EUR', minorUnits: 1 }],
      ],
    };
    for (const [field, values] of Object.entries(wrong)) {
      for (const value of values) {
        const parsed = productFieldsSchema.safeParse({ ...FIELDS, [field]: value });
        expect(parsed.error?.issues[0]?.path[0], `${field} ${JSON.stringify(value)}`).toBe(field);
      }
    }
  });

  it('takes from a patch what the patch names', () => {
    expect(patched(PEAS, {})).toEqual(PEAS);
    expect(patched(PEAS, { description: '', name: 'Peas' })).toEqual({ ...PEAS, name: 'Peas' });
    expect(patched(PEAS, { prices: [] }).prices).toEqual([]);
  });

  it('names each price that changes, comes or goes', () => {
    const to = [
      { currency: 'GBP', minorUnits: 0 },
      { currency: 'USD', minorUnits: 450 },
    ];
    expect(priceChanges(PEAS.prices, to)).toEqual([
      { currency: 'EUR', from: 399, to: undefined },
      { currency: 'GBP', from: undefined, to: 0 },
      { currency: 'USD', from: 449, to: 450 },
    ]);
    expect(priceChanges(PEAS.prices, [...PEAS.prices].reverse())).toEqual([]);
  });
});

describe('words', () => {
  it('know neither case nor accents, in any script', () => {
    expect(wordsOf('Crème-BRÛLÉE 2×100 g', 'Weiße Äpfel', 'ЙОГУРТ 酸奶')).toEqual([
      'creme',
      'brulee',
      '2',
      '100',
      'g',
      'weisse',
      'apfel',
      'иогурт',
      '酸奶',
    ]);
  });

  it('are cut between characters', () => {
    const [word] = wordsOf(`a${'\u{10428}'.repeat(60)}`);
    expect(word).toBe(`a${'\u{10428}'.repeat(39)}`);
  });

  it('are bounded, and found by each of their beginnings', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 200 })), (texts) => {
        const words = wordsOf(...texts);
        expect(words.length).toBeLessThanOrEqual(WORDS_MAX);
        for (const word of words) {
          expect(word.isWellFormed()).toBe(true);
          const start = [...word].slice(0, 1 + ([...word].length >> 1)).join('');
          const [low, at, high] = [start, word, endOfPrefix(start)].map((each) =>
            Buffer.from(each),
          );
          expect(Buffer.compare(low!, at!)).toBeLessThanOrEqual(0);
          expect(Buffer.compare(at!, high!)).toBe(-1);
        }
      }),
    );
  });
});

describe('an image', () => {
  it('is what its first bytes say', () => {
    const webp = Buffer.concat([Buffer.from('RIFF'), Buffer.alloc(4), Buffer.from('WEBPVP8 ')]);
    expect(imageTypeOf(webp)).toBe('image/webp');
    expect(imageTypeOf(Buffer.from('89504e470d0a1a0a00', 'hex'))).toBe('image/png');
    expect(imageTypeOf(Buffer.from('ffd8ffe0', 'hex'))).toBe('image/jpeg');
    for (const text of ['', '<svg xmlns="">', 'GIF89a', 'RIFF    WAVE', '\x89PNG']) {
      expect(imageTypeOf(Buffer.from(text, 'latin1')), text).toBeUndefined();
    }
  });
});
