import { breakingChanges, schemaText } from '@holdfast/cloud/graph/contract.ts';
import { describe, expect, it } from 'vitest';
import { GRAPHQL_BASELINE, GRAPHQL_FILE } from './graphql-file.ts';
import { readText } from './proto-file.ts';

const REFRESH = 'run: node test/contract/export-graphql.ts';

describe('the GraphQL contract', () => {
  it('is exported as it is', () => {
    expect(readText(GRAPHQL_FILE), REFRESH).toBe(schemaText());
  });

  it('breaks nobody who relies on the accepted one', () => {
    expect(breakingChanges(readText(GRAPHQL_BASELINE)!, schemaText())).toEqual([]);
  });

  it('is all in the baseline, so that what was added can not be taken back unseen', () => {
    expect(readText(GRAPHQL_BASELINE), REFRESH).toBe(schemaText());
  });
});

describe('the check of the GraphQL contract', () => {
  const PLANTED = [
    { name: 'a removed field', from: '  free: Long!\n', to: '' },
    { name: 'another type', from: 'version: Long!', to: 'version: String!' },
    { name: 'a field that may be null now', from: 'name: String!', to: 'name: String' },
    {
      name: 'an argument that is needed now',
      from: 'stock(site: String)',
      to: 'stock(site: String!)',
    },
    { name: 'a removed subscription', from: /stockChanged\(.*/, to: 'other: Int' },
  ];

  it.each(PLANTED)('finds $name', ({ from, to }) => {
    const planted = schemaText().replace(from, to);
    expect(planted).not.toBe(schemaText());
    expect(breakingChanges(schemaText(), planted)).not.toEqual([]);
  });

  it('lets what is added pass', () => {
    const added = schemaText().replace('  name: String!\n', '  name: String!\n  brand: String\n');
    expect(added).not.toBe(schemaText());
    expect(breakingChanges(schemaText(), added)).toEqual([]);
  });
});
