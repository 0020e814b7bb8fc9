import { expect, it } from 'vitest';
import { looksLikeCardNumber } from './card-number.ts';

it.each(['4111111111111111', 'tok_4111111111111111', '4111-1111-1111-1111', '3782 822463 10005'])(
  '%s looks like the number of a card',
  (text) => expect(looksLikeCardNumber(text)).toBe(true),
);

it.each(['tok_visa', '4111111111111112', 'tok_12345', 'tok_01970000-1234-7abc-8def-123456789012'])(
  '%s does not',
  (text) => expect(looksLikeCardNumber(text)).toBe(false),
);
