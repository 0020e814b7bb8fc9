/** Some bytes by their place; fewer than asked for where they end. */
export interface Bytes {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}

/**
 * What a write-ahead log says, as far as its checksums hold
 * (https://sqlite.org/fileformat.html §4).
 */
export interface WalContent {
  readonly pageBytes: number;
  /** Where the newest image of a page begins in the log. */
  readonly images: ReadonlyMap<number, number>;
  /** Pages of the database after the log's last transaction; 0 when it has none. */
  readonly pageCount: number;
  /**
   * Frames of a transaction that was followed by another one are not what was written. SQLite would
   * end there without a word, and take back everything that was committed since. A damaged last
   * transaction is not told: a power cut within its sync leaves the same picture.
   */
  readonly isDamaged: boolean;
}

/** Where the file does not say it any more: that of `buffer-pages.sqlite.ts`. */
export const PAGE_BYTES_DEFAULT = 1024;
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;
const PIECE_FRAMES = 64;

type Sum = readonly [number, number];

/** Reads the log whole, piece by piece; keeps one number for each page that it holds. */
export function readWal(bytes: Bytes): WalContent {
  if (bytes.size <= HEADER_BYTES) return EMPTY;
  const head = viewOf(bytes.read(0, HEADER_BYTES));
  const magic = head.getUint32(0);
  const saysBigEndian = magic === MAGIC_BIG_ENDIAN;
  const sum = sumOf(head, { from: 0, to: 24, isBigEndian: saysBigEndian, seed: [0, 0] });
  const isHeaderWhole = (saysBigEndian || magic === MAGIC) && matches(head, 24, sum);
  // One bit tells the two orders apart: a damaged header is not believed, most machines are little.
  const isBigEndian = isHeaderWhole && saysBigEndian;
  const pageBytes = isPageSize(head.getUint32(8)) ? head.getUint32(8) : PAGE_BYTES_DEFAULT;
  const frames = new FrameChain({ isBigEndian, pageBytes, seed: sumAt(head, 24) });
  // The frames know their generation too, so a damaged header does not hide them.
  if (isHeaderWhole) frames.expect(saltAt(head, 16));
  else frames.spoil();
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  const count = Math.floor((bytes.size - HEADER_BYTES) / frameBytes);
  for (let index = 0; index < count; index += PIECE_FRAMES) {
    const offset = HEADER_BYTES + index * frameBytes;
    const piece = bytes.read(offset, Math.min(PIECE_FRAMES, count - index) * frameBytes);
    for (let at = 0; at + frameBytes <= piece.byteLength; at += frameBytes)
      frames.take(viewOf(piece.subarray(at, at + frameBytes)), offset + at);
  }
  return frames.content();
}

const EMPTY: WalContent = {
  pageBytes: PAGE_BYTES_DEFAULT,
  images: new Map(),
  pageCount: 0,
  isDamaged: false,
};

/**
 * Each frame's checksum goes on from that of the frame before it. Behind a damaged frame the chain
 * is taken up again with the sum that the frame says of itself, so that what follows is still
 * judged.
 */
class FrameChain {
  readonly #shape: { isBigEndian: boolean; pageBytes: number };
  readonly #images = new Map<number, number>();
  #seed: Sum;
  #salt: string | undefined;
  #pageCount = 0;
  /** How much came behind the first damaged frame. */
  #isSpoilt = false;
  #commitsBehind = 0;
  #framesBehindCommit = false;

  constructor(options: { isBigEndian: boolean; pageBytes: number; seed: Sum }) {
    this.#shape = options;
    this.#seed = options.seed;
  }

  expect(salt: string): void {
    this.#salt = salt;
  }

  /** The header itself is damaged: all of the log is behind it. */
  spoil(): void {
    this.#isSpoilt = true;
    this.#commitsBehind = 1;
  }

  take(frame: DataView, offset: number): void {
    const salt = saltAt(frame, 8);
    const { isBigEndian, pageBytes } = this.#shape;
    const head = sumOf(frame, { from: 0, to: 8, isBigEndian, seed: this.#seed });
    const to = FRAME_HEADER_BYTES + pageBytes;
    const sum = sumOf(frame, { from: FRAME_HEADER_BYTES, to, isBigEndian, seed: head });
    const isSum = matches(frame, 16, sum);
    // Where the header does not say it: of the first frame that goes on from the one before it.
    if (isSum) this.#salt ??= salt;
    const isWhole = isSum && salt === this.#salt;
    this.#seed = sumAt(frame, 16);
    if (isWhole) this.#takeWhole(frame, offset);
    // Behind the end lie frames of an earlier generation: they are none of this log.
    else this.#isSpoilt = true;
  }

  content(): WalContent {
    const isDamaged = this.#isSpoilt && (this.#commitsBehind > 1 || this.#framesBehindCommit);
    const { pageBytes } = this.#shape;
    return { pageBytes, images: this.#images, pageCount: this.#pageCount, isDamaged };
  }

  #takeWhole(frame: DataView, offset: number): void {
    // What is not committed is taken too: what was stored without an acknowledgement may travel.
    this.#images.set(frame.getUint32(0), offset + FRAME_HEADER_BYTES);
    if (this.#isSpoilt && this.#commitsBehind > 0) this.#framesBehindCommit = true;
    const committed = frame.getUint32(4);
    if (committed === 0) return;
    this.#pageCount = committed;
    if (this.#isSpoilt) this.#commitsBehind += 1;
  }
}

/** The log's own checksum over 32-bit words, two at a time. */
function sumOf(
  view: DataView,
  over: { from: number; to: number; isBigEndian: boolean; seed: Sum },
): Sum {
  const isLittleEndian = !over.isBigEndian;
  let [first, second] = over.seed;
  for (let at = over.from; at < over.to; at += 8) {
    first = (first + view.getUint32(at, isLittleEndian) + second) >>> 0;
    second = (second + view.getUint32(at + 4, isLittleEndian) + first) >>> 0;
  }
  return [first, second];
}

function sumAt(view: DataView, at: number): Sum {
  return [view.getUint32(at), view.getUint32(at + 4)];
}

function matches(view: DataView, at: number, [first, second]: Sum): boolean {
  return view.getUint32(at) === first && view.getUint32(at + 4) === second;
}

function saltAt(view: DataView, at: number): string {
  return `${view.getUint32(at)}/${view.getUint32(at + 4)}`;
}

export function isPageSize(bytes: number): boolean {
  return bytes >= 512 && bytes <= 65_536 && (bytes & (bytes - 1)) === 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
