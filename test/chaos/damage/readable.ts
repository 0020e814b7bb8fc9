import { join } from 'node:path';
import { openPages } from '@holdfast/edge/buffer/salvage/page-rows.ts';
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
  noted: Touched[] = [];

  /** `reach`: so much before it each place stands on, too. */
  constructor(file: string, bytes: Bytes, reach: number) {
    this.#file = file;
    this.#bytes = bytes;
    this.#reach = reach;
    this.size = bytes.size;
  }

  read(offset: number, length: number): Uint8Array {
    this.noted.push({ file: this.#file, from: offset - this.#reach, to: offset + length });
    return this.#bytes.read(offset, length);
  }
}

/** The groups and blocks of an undamaged folder. */
export function standingRows(folder: string): StandingRow[] {
  const rows: StandingRow[] = [];
  const file = openByteFile(join(folder, BUFFER_FILE))!;
  const log = openByteFile(join(folder, WAL_FILE));
  // A frame's checksum stands on the frame before it.
  const frameBytes = FRAME_HEADER_BYTES + file.read(PAGE_BYTES_AT, 2).readUInt16BE(0);
  const main = new NotedBytes(BUFFER_FILE, file, 0);
  const wal = log && new NotedBytes(WAL_FILE, log, frameBytes + FRAME_HEADER_BYTES);
  const pages = openPages(main, wal);
  for (let page = 1; page <= pages.pageCount; page++) {
    if (pages.free.has(page)) continue;
    main.noted = [];
    if (wal) wal.noted = [];
    let own: Touched[] | undefined;
    for (const found of pages.rows(page)) {
      const places = [...main.noted, ...(wal?.noted ?? [])];
      // The first read is the page itself; what a row adds is its own overflow.
      own ??= places.slice(0, 1);
      main.noted = [];
      if (wal) wal.noted = [];
      const row = readableRow(found);
      if (row?.kind !== 'group' && row?.kind !== 'block') continue;
      rows.push({ stream: row.stream, range: row.range, places: [...own, ...places] });
    }
  }
  file.close();
  log?.close();
  return rows;
}

export function isTouched(row: StandingRow, touched: readonly Touched[]): boolean {
  return row.places.some((place) =>
    touched.some((hit) => hit.file === place.file && hit.from < place.to && hit.to > place.from),
  );
}
