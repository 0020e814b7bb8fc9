import { describe, expect, it } from 'vitest';
import { currentPrints, type Prints, readPrints, refusedDatabases } from './migrations-file.ts';

const REFRESH = 'run: node test/contract/export-migrations.ts';

describe('the migrations', () => {
  it('open every database that an accepted version made', async () => {
    const refused = refusedDatabases(readPrints(), await currentPrints());
    expect(refused, 'put it back, and write a new migration for the change').toEqual([]);
  });

  it('are all in the baseline, so that what was added cannot be changed unseen', async () => {
    expect(readPrints(), `the baseline is behind; ${REFRESH}`).toEqual(await currentPrints());
  });
});

describe('the check of migrations', () => {
  const first = { id: '0001-things', sqlite: 'a', postgres: 'b' };
  const second = { id: '0002-more', sqlite: 'c', postgres: 'd' };
  const before: Prints = { order: [first, second] };

  it('lets one be appended, and a service come', () => {
    const third = { id: '0003-last', sqlite: 'e', postgres: 'f' };
    const after = { order: [first, second, third], feed: [first] };
    expect(refusedDatabases(before, after)).toEqual([]);
  });

  it.each([
    ['changed on one technology', { order: [{ ...first, postgres: 'x' }, second] }, 'was changed'],
    ['put before it', { order: [second, first] }, 'is not in its place'],
    ['gone', { order: [second] }, 'is not in its place'],
    ['gone with its service', {}, 'is not in its place'],
  ] satisfies [string, Prints, string][])('finds one that is %s', (_how, after, fault) => {
    expect(refusedDatabases(before, after)).toContain(`order: 0001-things ${fault}`);
  });
});
