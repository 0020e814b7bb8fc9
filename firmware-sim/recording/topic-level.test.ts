import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { topicLevel } from './topic-level.ts';

describe('a name as a level of a topic', () => {
  it('stays as it is when it can', () => {
    expect(topicLevel('ruuvi-freezer_2 é')).toBe('ruuvi-freezer_2 é');
  });

  it('loses separators, wildcards and control characters', () => {
    expect(topicLevel('a/b+c#d%e\u0000')).toBe('a%2Fb%2Bc%23d%25e%00');
  });

  it('is another one for another name', () => {
    const name = fc.string({ unit: fc.constantFrom('/', '+', '#', '%', '2', 'F', 'a', '\u0001') });
    fc.assert(fc.property(name, name, (a, b) => (topicLevel(a) === topicLevel(b)) === (a === b)));
  });

  it('never splits or subscribes', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (name) => !['/', '+', '#', '\0'].some((sign) => topicLevel(name).includes(sign)),
      ),
    );
  });
});
