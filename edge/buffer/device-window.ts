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
export const WINDOW_BYTES = WINDOW_SEQUENCES / 8;

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

/** Little-endian words, whatever the machine. */
export function windowToBytes(seen: Uint32Array): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(WINDOW_BYTES));
  for (let at = 0; at < WORDS; at++) bytes.setUint32(at * 4, seen[at]!, true);
  return new Uint8Array(bytes.buffer);
}

export function windowFromBytes(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: WORDS }, (_, at) => view.getUint32(at * 4, true));
}
