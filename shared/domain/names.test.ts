import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedName, NAME_BYTES_MAX } from './names.ts';

describe('boundedName', () => {
  it('leaves a usual name alone', () => {
    for (const name of ['cold-01', 'Zimmer 7 – Süd', '冷蔵庫'])
      expect(boundedName(name)).toBe(name);
  });

  it('makes every name fit an index, and keeps different names different', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.string({ minLength: 250, maxLength: 600 }),
      fc.array(fc.constantFrom('\0', '\ud800', 'a')).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(name, name, (a, b) => {
        const bounded = boundedName(a);
        expect(Buffer.byteLength(bounded)).toBeLessThanOrEqual(NAME_BYTES_MAX);
        expect(bounded.isWellFormed() && !bounded.includes('\0')).toBe(true);
        expect(boundedName(b) === bounded).toBe(a === b);
      }),
    );
  });
});
