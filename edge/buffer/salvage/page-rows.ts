import {
  type Bytes,
  isPageSize,
  PAGE_BYTES_DEFAULT,
  readWal,
  type WalContent,
} from './wal-frames.ts';

export type SqliteValue = string | bigint | number | Uint8Array | null;

/** A row as it lies in a page, whatever became of the tree above it. */
export interface PageRow {
  /** Undefined for a row of a table without row ids. */
  readonly rowId: bigint | undefined;
  readonly values: readonly SqliteValue[];
}

/** The pages of a database, each in its newest readable image. */
export interface PageFile {
  readonly pageCount: number;
  /** Committed transactions of the write-ahead log were not what was written. */
  readonly isLogDamaged: boolean;
  /** On the free list: what they hold was deleted. */
  readonly free: ReadonlySet<number>;
  rows(page: number): Iterable<PageRow>;
}

const FILE_HEADER_BYTES = 100;
const PAGE_BYTES_AT = 16;
/** No row of ours is larger: a length beyond this is damage. */
const PAYLOAD_BYTES_MAX = 8 * 1024 * 1024;
const INTERIOR_INDEX = 0x02;
const LEAF_INDEX = 0x0a;
const LEAF_TABLE = 0x0d;

/**
 * Reads a database page by page (https://sqlite.org/fileformat.html), so that a damaged page costs
 * no more than what lies in it. It judges nothing: the rows' own checksums do.
 */
export function openPages(file: Bytes, wal: Bytes | undefined): PageFile {
  const log = wal && readWal(wal);
  const pages = new Pages(file, wal, log);
  return {
    pageCount: pages.count,
    isLogDamaged: log?.isDamaged ?? false,
    free: pages.free(),
    rows: (page) => rowsOf(pages, page),
  };
}

class Pages {
  readonly pageBytes: number;
  readonly count: number;
  readonly #file: Bytes;
  readonly #wal: Bytes | undefined;
  readonly #log: WalContent | undefined;

  constructor(file: Bytes, wal: Bytes | undefined, log: WalContent | undefined) {
    this.#file = file;
    this.#wal = wal;
    this.#log = log;
    this.pageBytes = log && log.images.size > 0 ? log.pageBytes : pageBytesOf(file);
    const inFile = Math.ceil(file.size / this.pageBytes);
    const inLog = log ? [...log.images.keys()].reduce((most, page) => Math.max(most, page), 0) : 0;
    this.count = Math.max(inFile, inLog);
  }

  /** Undefined when the page is beyond the end or cut off. */
  read(page: number): DataView | undefined {
    if (page < 1 || page > this.count) return undefined;
    const image = this.#log?.images.get(page);
    const from = image === undefined ? this.#file : this.#wal!;
    const bytes = from.read(image ?? (page - 1) * this.pageBytes, this.pageBytes);
    if (bytes.byteLength < this.pageBytes) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  free(): Set<number> {
    const free = new Set<number>();
    let trunk = this.read(1)?.getUint32(32) ?? 0;
    while (trunk !== 0 && !free.has(trunk)) {
      const view = this.read(trunk);
      const leaves = view?.getUint32(4) ?? 0;
      if (!view || leaves > this.pageBytes / 4 - 2) break;
      free.add(trunk);
      for (let at = 0; at < leaves; at++) free.add(view.getUint32(8 + at * 4));
      trunk = view.getUint32(0);
    }
    return free;
  }
}

function pageBytesOf(file: Bytes): number {
  const head = file.read(PAGE_BYTES_AT, 2);
  const bytes = head.byteLength < 2 ? 0 : (head[0]! << 8) | head[1]!;
  return bytes === 1 ? 65_536 : isPageSize(bytes) ? bytes : PAGE_BYTES_DEFAULT;
}

function* rowsOf(pages: Pages, page: number): Generator<PageRow, void> {
  const view = pages.read(page);
  if (!view) return;
  const start = page === 1 ? FILE_HEADER_BYTES : 0;
  const kind = view.getUint8(start);
  if (kind !== LEAF_TABLE && kind !== LEAF_INDEX && kind !== INTERIOR_INDEX) return;
  const pointers = start + (kind === INTERIOR_INDEX ? 12 : 8);
  const cells = Math.min(view.getUint16(start + 3), (pages.pageBytes - pointers) >> 1);
  for (let at = 0; at < cells; at++) {
    const row = attempt(() =>
      readCell(pages, view, { kind, at: view.getUint16(pointers + at * 2) }),
    );
    if (row) yield row;
  }
}

/** Reading beyond a page's end means that the cell is damaged, and throws a RangeError. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof TypeError) return undefined;
    throw cause;
  }
}

function readCell(
  pages: Pages,
  view: DataView,
  cell: { kind: number; at: number },
): PageRow | undefined {
  const cursor = { view, at: cell.at + (cell.kind === INTERIOR_INDEX ? 4 : 0) };
  const length = Number(readVarint(cursor));
  if (length > PAYLOAD_BYTES_MAX) return undefined;
  const rowId = cell.kind === LEAF_TABLE ? BigInt.asIntN(64, readVarint(cursor)) : undefined;
  const payload = readPayload(pages, cursor, { length, isTable: cell.kind === LEAF_TABLE });
  const values = payload && readRecord(payload);
  return values && { rowId, values };
}

interface Cursor {
  readonly view: DataView;
  at: number;
}

function readVarint(cursor: Cursor): bigint {
  let value = 0n;
  for (let count = 1; ; count++) {
    const byte = cursor.view.getUint8(cursor.at++);
    if (count === 9) return (value << 8n) | BigInt(byte);
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (byte < 0x80) return value;
  }
}

/** The payload with what of it lies on overflow pages; undefined when one of those is missing. */
function readPayload(
  pages: Pages,
  { view, at }: Cursor,
  { length, isTable }: { length: number; isTable: boolean },
): Uint8Array | undefined {
  const usable = pages.pageBytes;
  const most = isTable ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const rest = least + ((length - least) % (usable - 4));
  const local = length <= most ? length : rest <= most ? rest : least;
  const payload = new Uint8Array(length);
  payload.set(new Uint8Array(view.buffer, view.byteOffset + at, local));
  if (local === length) return payload;
  let next = view.getUint32(at + local);
  for (let filled = local; filled < length; filled += usable - 4) {
    const overflow = pages.read(next);
    if (!overflow) return undefined;
    next = overflow.getUint32(0);
    const part = Math.min(usable - 4, length - filled);
    payload.set(new Uint8Array(overflow.buffer, overflow.byteOffset + 4, part), filled);
  }
  return payload;
}

function readRecord(payload: Uint8Array): SqliteValue[] | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const head = { view, at: 0 };
  const headBytes = Number(readVarint(head));
  if (headBytes > payload.byteLength) return undefined;
  const values: SqliteValue[] = [];
  for (let at = headBytes; head.at < headBytes; ) {
    const type = Number(readVarint(head));
    const bytes = bytesOfType(type);
    values.push(readValue(view, type, { at, bytes }));
    at += bytes;
  }
  return values;
}

const FIXED_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0];

function bytesOfType(type: number): number {
  return FIXED_BYTES[type] ?? (type - (type % 2 === 0 ? 12 : 13)) / 2;
}

function readValue(
  view: DataView,
  type: number,
  { at, bytes }: { at: number; bytes: number },
): SqliteValue {
  if (type === 0) return null;
  if (type === 7) return view.getFloat64(at);
  if (type === 8 || type === 9) return BigInt(type - 8);
  const part = new Uint8Array(view.buffer, view.byteOffset + at, bytes);
  if (type >= 12) return type % 2 === 0 ? part : Buffer.from(part).toString();
  let value = 0n;
  for (const byte of part) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes * 8, value);
}
