import { describe, expect, it } from 'vitest';
import { parseRow } from './recorded-row.ts';

describe('a recorded row', () => {
  it.each([
    ['2020-05-05T07:17:51Z,ruuvi-freezer,temperature_c,-29.510', '-29.510'],
    ['2020-05-05T07:17:51.123+02:00,a,b,0', '0'],
    ['2020-05-05T07:17:51Z,"a, ""b""",c,1e3', '1e3'],
    ['2020-05-05T07:17:51Z,a,occupied,true', 'true'],
    ['2020-05-05T07:17:51Z,a,b,+5', '5'],
    ['2020-05-05T07:17:51Z,a,b,.5', '0.5'],
    ['2020-05-05T07:17:51Z,a,b,007', '7'],
  ])('%s has the JSON value %s', (line, value) => {
    const parsed = parseRow(line);
    expect(parsed).toMatchObject({ kind: 'row', row: { value } });
    expect(Number.isNaN(Number(JSON.parse(value)))).toBe(false);
  });

  it('keeps quoted names as they are', () => {
    const parsed = parseRow('2020-05-05T07:17:51Z,"a, ""b""","c",1');
    expect(parsed).toMatchObject({ row: { device: 'a, "b"', metric: 'c' } });
  });

  it.each([
    ['2020-05-05 07:17,a,b,1', /^column 1 \(ts_iso\): "2020-05-05 07:17" is not a time/],
    ['2020-13-05T07:17:51Z,a,b,1', /^column 1 \(ts_iso\)/],
    ['2020-05-05T07:17:51,a,b,1', /^column 1 \(ts_iso\)/],
    ['2020-05-05T07:17:51Z,,b,1', /^column 2 \(device\): is empty/],
    [`2020-05-05T07:17:51Z,a,${'m'.repeat(129)},1`, /^column 3 \(metric\): is longer than 128/],
    ['2020-05-05T07:17:51Z,a,b,', /^column 4 \(value\): "" is neither a number/],
    ['2020-05-05T07:17:51Z,a,b,0x10', /^column 4 \(value\)/],
    ['2020-05-05T07:17:51Z,a,b,1e999', /^column 4 \(value\)/],
    ['2020-05-05T07:17:51Z,a,b,NaN', /^column 4 \(value\)/],
    ['2020-05-05T07:17:51Z,a,b', /^column 4 \(value\): is missing/],
    ['2020-05-05T07:17:51Z,a,b,1,2', /^column 5: is one too many/],
    ['2020-05-05T07:17:51Z,"a,b,1', /a quote is not closed/],
    ['2020-05-05T07:17:51Z,"a"x,b,1', /a quote is not closed/],
  ])('%s is malformed, and the column is named', (line, problem) => {
    expect(parseRow(line)).toMatchObject({
      kind: 'malformed',
      problem: expect.stringMatching(problem),
    });
  });
});
