import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '@holdfast/shared/contracts/error-codes.ts';
import { describe, expect, it } from 'vitest';
import { ROOT } from './repository.ts';

/** code, status, retry, title, what to do. */
type Row = readonly [string, string, string, string, string];

const PAGE = 'docs/errors.md';
const rows = documentedRows(readFileSync(join(ROOT, PAGE), 'utf8'));

describe(`the table of ${PAGE}`, () => {
  it.each(Object.entries(ERROR_CODES))('says what %s means', (code, entry) => {
    const row = rows.find(([documented]) => documented === code);
    expect(row, `add a row for ${code} to ${PAGE}`).toBeDefined();
    expect(row!.slice(1, 4)).toEqual([String(entry.status), entry.retry, entry.title]);
    expect(row![4].length, 'say what to do').toBeGreaterThan(0);
  });

  it('knows no other code', () => {
    const unknown = rows.map(([code]) => code).filter((code) => !(code in ERROR_CODES));
    expect(unknown, `remove them from ${PAGE}`).toEqual([]);
  });

  it('names each code once', () => {
    expect(new Set(rows.map(([code]) => code)).size).toBe(rows.length);
  });
});

function documentedRows(page: string): Row[] {
  const lines = page.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => {
    const cells = line.split('|').map((cell) => cell.trim());
    return [cells[1]!.replaceAll('`', ''), cells[2]!, cells[3]!, cells[4]!, cells[5]!];
  });
}
