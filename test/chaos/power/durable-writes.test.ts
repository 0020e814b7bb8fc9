import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { openSqliteFile } from '@holdfast/shared/runtime/sqlite.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawFates, NOTHING_SURVIVES } from './fates.ts';
import { readTrace, type TraceStep } from './operations.ts';
import { diskAfter, layOut } from './replay.ts';
import { traceProgram, whyNoTrace } from './strace.ts';

const without = whyNoTrace();
const title = without === undefined ? 'durable writes' : `durable writes, skipped: ${without}`;
const TIMEOUT_MS = 60_000;
const DRAWS = 60;

describe.skipIf(without !== undefined)(title, () => {
  let dir = '';
  let steps: readonly TraceStep[] = [];
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'holdfast-durable-'));
    const traceFile = join(dir, 'strace');
    const entry = 'test/chaos/power/durable-writes.ts';
    await traceProgram({ entry, args: [dir], traceFile, timeoutMs: TIMEOUT_MS });
    steps = readTrace(readFileSync(traceFile));
  }, TIMEOUT_MS);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** Where everything up to this mark had returned. */
  const told = (value: number): number =>
    steps.findIndex(({ mark }) => mark?.kind === 'retained' && mark.value === value);

  it('survive a cut that loses all that it may, under a name that a killed process left', () => {
    const tree = diskAfter(steps.slice(0, told(2)), 'gateway').cut(NOTHING_SURVIVES);
    const text = (name: string) => tree.get(`gateway/inner/${name}`)?.bytes?.toString();
    expect({ replaced: text('replaced'), created: text('created') }).toEqual({
      replaced: 'new',
      created: 'first',
    });
  });

  it('hold for transactions of the sql port, whose syncs run beside the event loop', () => {
    const random = seededRandom(4);
    for (let draw = 0; draw < DRAWS; draw++) {
      // The first one at the very end, with nothing but what was synced.
      const at = draw === 0 ? told(4) : told(3) + random.int(told(4) - told(3) + 1);
      const fates = draw === 0 ? NOTHING_SURVIVES : drawFates(random);
      const target = mkdtempSync(join(dir, 'cut-'));
      layOut(diskAfter(steps.slice(0, at), 'gateway').cut(fates), target);
      const file = join(target, 'gateway', 'inner', 'sql', 'items.sqlite');
      const database = openSqliteFile(file);
      const rows = database.prepare('select id from items').pluck().all();
      expect(at === told(4) ? [[4]] : [[], [4]], `step ${at}`).toContainEqual(rows);
      database.close();
      rmSync(target, { recursive: true });
    }
  });

  it('are there whole, whatever else was lost, torn or reordered', () => {
    const random = seededRandom(3);
    for (let draw = 0; draw < DRAWS; draw++) {
      const at = told(1) + random.int(told(2) - told(1) + 1);
      const target = mkdtempSync(join(dir, 'cut-'));
      layOut(diskAfter(steps.slice(0, at), 'gateway').cut(drawFates(random)), target);
      const folder = join(target, 'gateway', 'inner');
      expect(['old', 'new']).toContain(readFileSync(join(folder, 'replaced'), 'utf8'));
      expect(readFileSync(join(folder, 'created'), 'utf8')).toBe('first');
      const database = openSqliteFile(join(folder, 'sub', 'rows.sqlite'));
      const rows = database.prepare('select a from t order by a').pluck().all();
      expect([[1], [1, 2]], `step ${at}`).toContainEqual(rows);
      database.close();
      rmSync(target, { recursive: true });
    }
  });
});
