import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBufferStore } from '@holdfast/edge/buffer/buffer-file.sqlite.ts';
import { bufferSettingsSchema } from '@holdfast/edge/buffer/buffer-settings.ts';
import { openBuffer } from '@holdfast/edge/buffer/open-buffer.ts';
import { openPages } from '@holdfast/edge/buffer/salvage/page-rows.ts';
import { type ReadableRow, readableRow } from '@holdfast/edge/buffer/salvage/readable-row.ts';
import type { Bytes } from '@holdfast/edge/buffer/salvage/wal-frames.ts';
import { openByteFile } from '@holdfast/shared/runtime/files.ts';
import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BUFFER_FILE, buildMaster, copyFolder, drawMessage } from './content.ts';
import { damageFolder, type Touched } from './faults.ts';
import { isTouched, type StandingRow, standingRows } from './readable.ts';

const WAL_FILE = `${BUFFER_FILE}-wal`;
/** More than one page holds, and little of it is left for the row's own leaf. */
const LONG_BYTES = 5_400;
const SEED = 12;
const FAULTS = 60;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-readable-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A long row from before a stop, and short ones behind it in the log alone; killed then. */
async function fillLeafInTwoFiles(): Promise<string> {
  const [work, folder] = [join(root, 'work'), join(root, 'killed')];
  mkdirSync(work);
  const runtime = testRuntime();
  const settings = bufferSettingsSchema.parse({});
  const open = () =>
    openBuffer(openBufferStore(join(work, BUFFER_FILE), runtime), { runtime, settings }).buffer;
  const text = (length: number) => ({
    ...drawMessage('m1', { random: seededRandom(SEED), keyed: false }),
    lane: 'telemetry' as const,
    payload: Buffer.alloc(length, 'x'),
  });
  const before = open();
  await before.append(text(LONG_BYTES));
  await before.close();
  const after = open();
  for (let at = 0; at < 2; at++) await after.append(text(20));
  copyFolder(work, folder);
  await after.close();
  return folder;
}

const filesOf = ({ places }: StandingRow) => [...new Set(places.map(({ file }) => file))];

describe('what a row stands on', () => {
  it('is its leaf in the log, whatever file its neighbour goes on in', async () => {
    const [long, ...short] = standingRows(await fillLeafInTwoFiles());
    expect(filesOf(long!)).toEqual([WAL_FILE, BUFFER_FILE]);
    expect(short.map(filesOf)).toEqual([[WAL_FILE], [WAL_FILE]]);
  });

  it('is not the overflow of its neighbour', async () => {
    const [long, ...short] = standingRows(await fillLeafInTwoFiles());
    const overflow = long!.places.filter(({ file }) => file === BUFFER_FILE);
    expect(isTouched(long!, overflow)).toBe(true);
    expect(short.map((row) => isTouched(row, overflow))).toEqual([false, false]);
  });
});

const NO_BYTES: Bytes = { size: 0, read: () => new Uint8Array() };

/** Read from the damaged files alone, whatever the salvage then does with it. */
function rowsLeft(folder: string): Set<string> {
  const file = openByteFile(join(folder, BUFFER_FILE));
  const log = openByteFile(join(folder, WAL_FILE));
  const pages = openPages(file ?? NO_BYTES, log);
  const names = Array.from({ length: pages.pageCount }, (_, at) => [...pages.rows(at + 1)])
    .flat()
    .map(readableRow)
    .filter((row) => row?.kind === 'group' || row?.kind === 'block')
    .map((row) => nameOf(row as Extract<ReadableRow, { kind: 'group' | 'block' }>));
  file?.close();
  log?.close();
  return new Set(names);
}

const nameOf = ({ stream, range }: Pick<StandingRow, 'stream' | 'range'>) =>
  `${stream}: ${range.first}-${range.last}`;

const LOG_IS_GONE: readonly Touched[] = [{ file: WAL_FILE, from: 0, to: Infinity }];

describe(`what is said to be untouched (seed ${SEED})`, () => {
  it('can be read from what a fault leaves', async () => {
    const random = seededRandom(SEED);
    const master = await buildMaster(join(root, 'master'), { random, killed: true });
    const standing = standingRows(master.folder);
    let looked = 0;
    for (let fault = 0; fault < FAULTS; fault++) {
      const folder = join(root, `${fault}`);
      copyFolder(master.folder, folder);
      const { text, touched } = damageFolder(folder, random);
      const untouched = standing.filter((row) => !isTouched(row, touched)).map(nameOf);
      if (touched.length > 0) looked += untouched.length;
      const left = rowsLeft(folder);
      expect({ text, missing: untouched.filter((name) => !left.has(name)) }).toEqual({
        text,
        missing: [],
      });
    }
    expect(looked).toBeGreaterThan(0);
  });

  it('is in the file itself when the log is gone', async () => {
    const random = seededRandom(SEED);
    const { folder } = await buildMaster(join(root, 'master'), { random, killed: true });
    const standing = standingRows(folder);
    rmSync(join(folder, WAL_FILE));
    const left = rowsLeft(folder);
    const untouched = standing.filter((row) => !isTouched(row, LOG_IS_GONE)).map(nameOf);
    expect(untouched.filter((name) => !left.has(name))).toEqual([]);
  });
});
