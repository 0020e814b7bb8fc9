import { join } from 'node:path';
import { openPages, type PageRow } from '@holdfast/edge/buffer/salvage/page-rows.ts';
import { readableRow } from '@holdfast/edge/buffer/salvage/readable-row.ts';
import type { Bytes } from '@holdfast/edge/buffer/salvage/wal-frames.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { openByteFile } from '@holdfast/shared/runtime/files.ts';
import { BUFFER_FILE } from './content.ts';
import type { Touched } from './faults.ts';

const WAL_FILE = `${BUFFER_FILE}-wal`;
const FRAME_HEADER_BYTES = 24;
const PAGE_BYTES_AT = 16;

/** A row of the buffer before the fault, and the bytes that it stands on. */
export interface StandingRow {
  /** The number of its lane in the file. */
  readonly stream: number;
  readonly range: SequenceRange;
  readonly places: readonly Touched[];
}

/** Notes what is read, so that each row's own bytes are known. */
class NotedBytes implements Bytes {
  readonly size: number;
  readonly #file: string;
  readonly #bytes: Bytes;
  readonly #reach: number;
  readonly #noted: Touched[];

  /** `reach`: so much before it each place stands on, too. */
  constructor(bytes: Bytes, to: { file: string; reach: number; noted: Touched[] }) {
    this.#bytes = bytes;
    this.#file = to.file;
    this.#reach = to.reach;
    this.#noted = to.noted;
    this.size = bytes.size;
  }

  read(offset: number, length: number): Uint8Array {
    this.#noted.push({ file: this.#file, from: offset - this.#reach, to: offset + length });
    return this.#bytes.read(offset, length);
  }
}

/** The groups and blocks of an undamaged folder. */
export function standingRows(folder: string): StandingRow[] {
  const file = openByteFile(join(folder, BUFFER_FILE))!;
  const log = openByteFile(join(folder, WAL_FILE));
  // A frame's checksum stands on the frame before it.
  const frameBytes = FRAME_HEADER_BYTES + file.read(PAGE_BYTES_AT, 2).readUInt16BE(0);
  // Of both files in one order: a page of the one may go on in the other.
  const noted: Touched[] = [];
  const main = new NotedBytes(file, { file: BUFFER_FILE, reach: 0, noted });
  const reach = frameBytes + FRAME_HEADER_BYTES;
  const wal = log && new NotedBytes(log, { file: WAL_FILE, reach, noted });
  const pages = openPages(main, wal);
  const rows: StandingRow[] = [];
  for (let page = 1; page <= pages.pageCount; page++)
    if (!pages.free.has(page)) rows.push(...rowsIn(pages.rows(page), noted));
  file.close();
  log?.close();
  return rows;
}

/** The groups and blocks of one page. */
function* rowsIn(found: Iterable<PageRow>, noted: Touched[]): Generator<StandingRow, void> {
  noted.length = 0;
  let leaf: Touched | undefined;
  for (const one of found) {
    const places = noted.splice(0);
    // The first read is the page itself; what a row adds is its own overflow.
    leaf ??= places.shift()!;
    const row = readableRow(one);
    if (row?.kind !== 'group' && row?.kind !== 'block') continue;
    yield { stream: row.stream, range: row.range, places: [leaf, ...places] };
  }
}

export function isTouched(row: StandingRow, touched: readonly Touched[]): boolean {
  return row.places.some((place) =>
    touched.some((hit) => hit.file === place.file && hit.from < place.to && hit.to > place.from),
  );
}
