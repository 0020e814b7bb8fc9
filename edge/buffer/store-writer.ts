import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { BufferStore, StreamKey } from './buffer-store.ts';
import { condenseBlocks } from './retention/condense-block.ts';
import { isAlone, rowConflict } from './row-conflict.ts';
import { type CutLimits, cutBlock } from './sealing.ts';

/**
 * What changes the store, by name. The one table for both sides: what is added here can be asked
 * for from the event loop, and runs where the store is, in its thread or inline.
 */
const WRITES = {
  append: (store: BufferStore, ...what: Parameters<BufferStore['append']>) => store.append(...what),
  /** Merges, compresses and checksums the lane's oldest groups into one block. */
  cut: (store: BufferStore, stream: StreamKey, limits: CutLimits) =>
    cutBlock(store, stream, limits),
  acknowledge: (store: BufferStore, ...what: Parameters<BufferStore['acknowledge']>) =>
    store.acknowledge(...what),
  settle: (store: BufferStore, ...what: Parameters<BufferStore['settle']>) => store.settle(...what),
  /** Makes one condensed block of blocks that follow each other. */
  condense: (store: BufferStore, stream: StreamKey, blocks: readonly SequenceRange[]) =>
    condenseBlocks(store, stream, blocks),
  /** Throws STORE_DAMAGED when the row reaches over others, which must not end with it. */
  discard: (store: BufferStore, ...what: Parameters<BufferStore['discard']>) => {
    const [stream, { range }] = what;
    if (!isAlone(store, stream, range)) throw rowConflict(range);
    store.discard(...what);
  },
  markSent: (store: BufferStore, ...what: Parameters<BufferStore['markSent']>) =>
    store.markSent(...what),
  holdTurn: (store: BufferStore, ...what: Parameters<BufferStore['holdTurn']>) =>
    store.holdTurn(...what),
  shrink: (store: BufferStore) => store.shrink(),
} as const;

type Writes = typeof WRITES;
export type WriteName = keyof Writes;
type ArgumentsOf<W> = W extends (store: BufferStore, ...rest: infer Rest) => unknown ? Rest : never;
export type WriteArguments<N extends WriteName> = ArgumentsOf<Writes[N]>;
export type WriteResult<N extends WriteName> = ReturnType<Writes[N]>;

/**
 * The event loop's way to what changes the store. Each write is one transaction, synced to disk
 * when it resolves; it changes nothing when it rejects.
 *
 * - Writes run one at a time, in the order of the calls, and resolve in that order.
 * - What was resolved is seen by every read that is begun afterwards.
 * - When the place where it runs is lost, every call that waits and every later one rejects with
 *   UNAVAILABLE; nobody knows then which of those that waited are on disk.
 * - What is handed over belongs to the writer: a caller must not change it, nor use it again.
 */
export interface StoreWriter {
  write<N extends WriteName>(name: N, ...what: WriteArguments<N>): Promise<WriteResult<N>>;
  /** Bytes of the file that hold something, and of the file, after the last write that resolved. */
  readonly bytes: StoreBytes;
}

export interface StoreBytes {
  readonly used: number;
  readonly file: number;
}

/** Runs one write on the store, on whatever thread this is. */
export function perform<N extends WriteName>(
  store: BufferStore,
  name: N,
  what: WriteArguments<N>,
): WriteResult<N> {
  const write: (store: BufferStore, ...rest: never[]) => unknown = WRITES[name];
  return write(store, ...(what as readonly unknown[] as never[])) as WriteResult<N>;
}

export function bytesOf(store: BufferStore): StoreBytes {
  return { used: store.usedBytes(), file: store.fileBytes() };
}

/**
 * Writes on the caller's own thread: for simulations and tests, where a thread of its own would
 * take the order of things out of their hands.
 */
export function inlineWriter(store: BufferStore): StoreWriter {
  let bytes = bytesOf(store);
  return {
    async write(name, ...what) {
      const result = perform(store, name, what);
      bytes = bytesOf(store);
      return result;
    },
    get bytes() {
      return bytes;
    },
  };
}
