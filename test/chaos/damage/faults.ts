import {
  closeSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Random } from '@holdfast/shared/runtime/random.ts';
import { BUFFER_FILE } from './content.ts';

/** Bytes of a file that are not what was written any more; to its end when it was cut. */
export interface Touched {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

export interface Fault {
  readonly text: string;
  readonly touched: readonly Touched[];
}

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;
const FLIPS_MAX = 24;
const KINDS = [
  'flip',
  'flip',
  'flip',
  'zero',
  'noise',
  'truncate',
  'cut',
  'empty',
  'gone',
] as const;

/**
 * What one fault may hit. The mark is the witness of the two files of the buffer: when it goes
 * together with them nobody can know what the last commits were, so it is hit alone.
 */
const TARGETS: readonly (readonly string[])[] = [
  [BUFFER_FILE],
  [BUFFER_FILE],
  [BUFFER_FILE],
  [`${BUFFER_FILE}-wal`],
  [`${BUFFER_FILE}-wal`],
  [BUFFER_FILE, `${BUFFER_FILE}-wal`],
  [`${BUFFER_FILE}.mark`],
  ['sessions.sqlite'],
  ['sessions.sqlite', 'sessions.sqlite-wal'],
  ['identity.json'],
  ['identity.json', BUFFER_FILE],
];

/** Damages a stopped gateway's folder. */
export function damageFolder(folder: string, random: Random): Fault {
  const targets = TARGETS[random.int(TARGETS.length)]!;
  const present = targets.filter((name) => (sizeOf(join(folder, name)) ?? 0) > 0);
  const done = present.map((name) => damageFile(folder, name, random));
  return {
    text: done.map(({ text }) => text).join('; ') || 'nothing',
    touched: done.flatMap(({ touched }) => touched),
  };
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

function damageFile(folder: string, file: string, random: Random): Fault {
  const path = join(folder, file);
  const size = sizeOf(path)!;
  const kind = KINDS[random.int(KINDS.length)]!;
  const touched = DAMAGE[kind](path, size, random).map(([from, to]) => ({ file, from, to }));
  const where = touched.map(({ from, to }) => `${from}-${to}`).join(',');
  return { text: `${kind} ${file} ${where} of ${size}`, touched };
}

type Places = readonly (readonly [from: number, to: number])[];
const END = Number.POSITIVE_INFINITY;

const DAMAGE: Readonly<
  Record<(typeof KINDS)[number], (path: string, size: number, random: Random) => Places>
> = {
  flip: (path, size, random) => {
    const places = Array.from({ length: 1 + random.int(FLIPS_MAX) }, () => random.int(size));
    const bytes = readFileSync(path);
    for (const at of places) bytes[at] = bytes[at]! ^ (1 << random.int(8));
    writeFileSync(path, bytes);
    return places.map((at) => [at, at + 1] as const);
  },
  zero: (path, size, random) => overwrite(path, size, { random, byte: () => 0 }),
  noise: (path, size, random) => overwrite(path, size, { random, byte: () => random.int(256) }),
  truncate: (path, size, random) => {
    const at = random.int(size);
    truncateSync(path, at);
    return [[at, END]];
  },
  cut: (path, size, random) => {
    const at = Math.floor(random.int(size) / PAGE_BYTES) * PAGE_BYTES;
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + PAGE_BYTES)]));
    return [[at, END]];
  },
  empty: (path) => {
    truncateSync(path, 0);
    return [[0, END]];
  },
  gone: (path) => {
    rmSync(path);
    return [[0, END]];
  },
};

function overwrite(
  path: string,
  size: number,
  { random, byte }: { random: Random; byte: () => number },
): Places {
  const unit = random.int(2) === 0 ? PAGE_BYTES : SECTOR_BYTES;
  const from = Math.floor(random.int(size) / unit) * unit;
  const to = Math.min(size, from + unit * (1 + random.int(3)));
  const handle = openSync(path, 'r+');
  writeSync(handle, Uint8Array.from({ length: to - from }, byte), 0, to - from, from);
  closeSync(handle);
  return [[from, to]];
}
