import type { DeviceKey } from './buffer.ts';

/** A device restarts now and then; a fifth boot takes the place of the one unused for longest. */
export const BOOTS_MAX = 4;
/** How far behind a boot's highest sequence a repeat is still recognised. */
export const WINDOW_SEQUENCES = 1024;

const WORD_BITS = 32;
const WINDOW_SIZE = BigInt(WINDOW_SEQUENCES);
/** A sequence's bit is its lowest bits. */
const INDEX_BITS = Math.log2(WINDOW_SEQUENCES);
const WORDS = WINDOW_SEQUENCES / WORD_BITS;
const WORD_BYTES = WORD_BITS / 8;
const FULL = 2 ** WORD_BITS - 1;
/** A bit for each word, twice. */
const MASKS_BYTES = 2 * WORD_BYTES;
export const WINDOW_BYTES_MAX = MASKS_BYTES + WORDS * WORD_BYTES;

/**
 * What is known of one boot of one device. The bit of a sequence is its remainder by the window's
 * size.
 */
export interface BootWindow {
  readonly boot: string;
  /** Grows each time another boot of the device speaks; the lowest goes first. */
  used: number;
  highest: bigint;
  readonly seen: Uint32Array;
}

/**
 * `unknown`: so far behind that nobody can tell. It is stored, because a wrong "seen" would lose
 * it.
 */
export type KeyVerdict = 'new' | 'seen' | 'unknown';

/**
 * The keys that one device has used: at most four boots, each with its highest sequence and a
 * window.
 */
export class DeviceWindows {
  readonly #boots: Map<string, BootWindow>;
  #uses: number;

  constructor(windows: Iterable<BootWindow> = []) {
    this.#boots = new Map([...windows].map((window) => [window.boot, window]));
    this.#uses = Math.max(0, ...[...this.#boots.values()].map((window) => window.used));
  }

  judge(key: DeviceKey): KeyVerdict {
    const window = this.#boots.get(key.boot);
    if (!window || key.sequence > window.highest) return 'new';
    if (window.highest - key.sequence >= WINDOW_SIZE) return 'unknown';
    return isSet(window.seen, bitOf(key.sequence)) ? 'seen' : 'new';
  }

  /**
   * Remembers a key that was judged `new`; returns its window, and the boot that had to make room.
   */
  mark(key: DeviceKey): { window: BootWindow; evicted: string | undefined } {
    const known = this.#boots.get(key.boot);
    if (known) {
      this.#touch(known);
      advance(known, key.sequence);
      set(known.seen, bitOf(key.sequence));
      return { window: known, evicted: undefined };
    }
    const evicted = this.#boots.size < BOOTS_MAX ? undefined : this.#leastUsed();
    if (evicted !== undefined) this.#boots.delete(evicted);
    const seen = new Uint32Array(WORDS);
    set(seen, bitOf(key.sequence));
    this.#uses += 1;
    const window = { boot: key.boot, used: this.#uses, highest: key.sequence, seen };
    this.#boots.set(key.boot, window);
    return { window, evicted };
  }

  #touch(window: BootWindow): void {
    if (window.used === this.#uses) return;
    this.#uses += 1;
    window.used = this.#uses;
  }

  #leastUsed(): string | undefined {
    let found: BootWindow | undefined;
    for (const window of this.#boots.values())
      if (!found || window.used < found.used) found = window;
    return found?.boot;
  }
}

/** Moves the window on; what it leaves behind and what it skips are cleared. */
function advance(window: BootWindow, sequence: bigint): void {
  if (sequence <= window.highest) return;
  const ahead = sequence - window.highest;
  if (ahead >= WINDOW_SIZE) window.seen.fill(0);
  else {
    const from = bitOf(window.highest + 1n);
    for (let step = 0; step < Number(ahead); step++)
      clear(window.seen, (from + step) % WINDOW_SEQUENCES);
  }
  window.highest = sequence;
}

function bitOf(sequence: bigint): number {
  return Number(BigInt.asUintN(INDEX_BITS, sequence));
}

function isSet(seen: Uint32Array, bit: number): boolean {
  return ((seen[bit >>> 5]! >>> (bit & 31)) & 1) === 1;
}

function set(seen: Uint32Array, bit: number): void {
  seen[bit >>> 5] = seen[bit >>> 5]! | (1 << (bit & 31));
}

function clear(seen: Uint32Array, bit: number): void {
  seen[bit >>> 5] = seen[bit >>> 5]! & ~(1 << (bit & 31));
}

/**
 * Which words are neither empty nor full, which of the others are full, and then those that are
 * neither: a device in order has one of them. Little-endian words, whatever the machine. Returns
 * how many of the bytes it used.
 */
export function windowToBytes(seen: Uint32Array, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, WINDOW_BYTES_MAX);
  let mixed = 0;
  let full = 0;
  let length = MASKS_BYTES;
  for (let at = 0; at < WORDS; at++) {
    const word = seen[at]!;
    if (word === FULL) full |= 1 << at;
    if (word === FULL || word === 0) continue;
    mixed |= 1 << at;
    view.setUint32(length, word, true);
    length += WORD_BYTES;
  }
  view.setUint32(0, mixed >>> 0, true);
  view.setUint32(WORD_BYTES, full >>> 0, true);
  return length;
}

export function windowFromBytes(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mixed = view.getUint32(0, true);
  const full = view.getUint32(WORD_BYTES, true);
  let next = MASKS_BYTES;
  return Uint32Array.from({ length: WORDS }, (_, at) => {
    if (((mixed >>> at) & 1) === 0) return ((full >>> at) & 1) === 0 ? 0 : FULL;
    next += WORD_BYTES;
    return view.getUint32(next - WORD_BYTES, true);
  });
}
