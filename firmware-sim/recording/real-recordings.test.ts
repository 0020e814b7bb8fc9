import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BORDER_WAIT_MS, createPace } from './pace.ts';
import { readRecording } from './recording-file.ts';

/** Real sensors, kept outside the repository: their folder comes from the environment. */
const folder = process.env['HOLDFAST_DATA'] ?? '';
const file = join(folder, 'sensors-dev.csv');

it('reads every row of real recordings, oddities included', async (context) => {
  if (folder === '') context.skip('HOLDFAST_DATA is not set');
  if (!existsSync(file)) context.skip(`${file} is not there`);
  const pace = createPace(1);
  const devices = new Set<string>();
  let [rows, borders, latest] = [0, 0, 0];
  for await (const each of readRecording(file)) {
    expect(each.kind).toBe('row');
    if (each.kind !== 'row') continue;
    rows++;
    devices.add(each.row.device);
    const due = pace.dueMs(each.row.tsMs);
    if (due - latest === BORDER_WAIT_MS) borders++;
    latest = due;
  }
  expect(rows).toBeGreaterThan(100_000);
  expect(devices.size).toBeGreaterThan(20);
  expect(borders).toBeGreaterThan(3);
});
