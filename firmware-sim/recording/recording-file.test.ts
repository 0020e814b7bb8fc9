import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { HEADER } from './recorded-row.ts';
import { type NumberedRow, readRecording } from './recording-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-recording-'));
const file = join(folder, 'recording.csv');
const ROW = '2020-05-05T07:17:51Z,a,b,1';
afterAll(() => rmSync(folder, { recursive: true }));

describe('a recording file', () => {
  it.each([
    ['as it should be', `${HEADER}\n${ROW}\n${ROW}\n`],
    ['without a last line end', `${HEADER}\n${ROW}\n${ROW}`],
    [
      'with the line ends of Windows and a byte order mark',
      `\uFEFF${HEADER}\r\n${ROW}\r\n${ROW}\r\n`,
    ],
    ['with empty lines', `${HEADER}\n\n${ROW}\n\n${ROW}\n\n`],
  ])('gives its rows %s', async (_, text) => {
    const rows = await read(text);
    expect(rows.map(({ kind }) => kind)).toEqual(['row', 'row']);
  });

  it('numbers lines as an editor does', async () => {
    const rows = await read(`${HEADER}\n${ROW}\n\nbroken\n`);
    expect(rows.map(({ kind, line }) => [kind, line])).toEqual([
      ['row', 2],
      ['malformed', 4],
    ]);
  });

  it('gives rows that lie across its chunks whole', async () => {
    const rows = Array.from({ length: 20_000 }, (_, n) => `2020-05-05T07:17:51Z,gerät-${n},b,${n}`);
    const values = (await read([HEADER, ...rows].join('\n'))).map((each) =>
      each.kind === 'row' ? `${each.row.device}=${each.row.value}` : each.problem,
    );
    expect(values).toEqual(rows.map((_, n) => `gerät-${n}=${n}`));
  });

  it.each([
    ['', /:1: the first line is not ts_iso,device,metric,value/],
    ['time,device,metric,value\n', /:1: the first line is not/],
  ])('refuses a file that is no recording: %j', async (text, message) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('refuses a file without line ends, instead of holding it all', async () => {
    await expect(read('x'.repeat(200_000))).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('names a file that is not there', async () => {
    const rows = readRecording(join(folder, 'none.csv'));
    await expect(rows.next()).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('none.csv'),
    });
  });
});

async function read(text: string): Promise<NumberedRow[]> {
  writeFileSync(file, text);
  const rows: NumberedRow[] = [];
  for await (const row of readRecording(file)) rows.push(row);
  return rows;
}
