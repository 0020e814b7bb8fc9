import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fairShare } from './fair-share.ts';

it('gives out every partition once, and no member more than one above another', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 12 }),
      fc.string(),
      fc.integer({ min: 1, max: 64 }),
      (members, topic, partitionCount) => {
        const shares = members.map((member) =>
          fairShare({ members, member, topic, partitionCount }),
        );
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(partitionCount);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      },
    ),
  );
});

it('gives nothing to who is not a member', () => {
  expect(fairShare({ members: ['a'], member: 'b', topic: 't', partitionCount: 8 })).toBe(0);
});
