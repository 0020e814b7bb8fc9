import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterCovers, isTopicFilter, isTopicName, topicMatches } from './topic-filter.ts';

describe('topicMatches', () => {
  it.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
    ['sport/tennis/player1/#', 'sport/tennis/player10', false],
    ['sport/#', 'sport', true],
    ['sport/#', 'sports', false],
    ['#', 'a/b/c', true],
    ['sport/tennis/+', 'sport/tennis/player1', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['+/tennis/#', 'sport/tennis', true],
    ['a/b', 'a/b', true],
    ['a/b', 'a/B', false],
    ['a/b', 'a/b/c', false],
    ['a/b/c', 'a/b', false],
    ['a', 'a/', false],
    ['a/', 'a', false],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['$SYS/+', '$SYS/x', true],
  ])('%s on %s is %s, as MQTT 4.7 has it', (filter, topic, matches) => {
    expect(topicMatches(filter, topic)).toBe(matches);
  });

  it('agrees with a plain matcher that splits both into levels', () => {
    fc.assert(
      fc.property(filters, topics, (filter, topic) => {
        expect(topicMatches(filter, topic)).toBe(plainMatches(filter, topic));
      }),
    );
  });
});

describe('filterCovers', () => {
  it.each([
    ['devices/+/#', 'devices/a/#', true],
    ['devices/a/#', 'devices/+/#', false],
    ['#', '#', true],
    ['#', '+/a', true],
    ['+', '#', false],
    ['a/+', 'a/#', false],
    ['a/#', 'a', true],
    ['a/+/c', 'a/+/c', true],
    ['#', '$SYS/#', false],
    ['$SYS/#', '$SYS/+', true],
  ])('%s covers %s: %s', (granted, requested, covers) => {
    expect(filterCovers(granted, requested)).toBe(covers);
  });

  it('never lets a covered filter match a topic that the grant does not', () => {
    fc.assert(
      fc.property(filters, filters, topics, (granted, requested, topic) => {
        if (!filterCovers(granted, requested) || !topicMatches(requested, topic)) return;
        expect(topicMatches(granted, topic)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('validity', () => {
  it.each(['a+', 'a/b+', '#/a', 'a#', 'a/#/b', '', '+a', 'a\u0000'])(
    'refuses the filter %j',
    (filter) => expect(isTopicFilter(filter)).toBe(false),
  );
  it.each(['#', '+', 'a/+/b', 'a/#', '/', '+/#'])('takes the filter %j', (filter) =>
    expect(isTopicFilter(filter)).toBe(true),
  );
  it.each(['', 'a/#', 'a/+', 'a\u0000'])('refuses the name %j', (topic) =>
    expect(isTopicName(topic)).toBe(false),
  );
  it('takes a name with empty levels', () => expect(isTopicName('/a//b/')).toBe(true));
});

const level = fc.constantFrom('', 'a', 'b', '$x');
const topics = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const filters = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, open]) => [...levels, ...(open || levels.length === 0 ? ['#'] : [])].join('/'));

function plainMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (const [at, want] of wanted.entries()) {
    if (want === '#') return true;
    if (at >= levels.length || (want !== '+' && want !== levels[at])) return false;
  }
  return wanted.length === levels.length;
}
