import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError } from '@holdfast/shared/lib/assert.ts';
import type { OpenedStore, StoreReads } from './buffer-store.ts';
import type { StoreWriter } from './store-writer.ts';

/**
 * What a failed call says of the store. `again`: nobody knows what is on disk, as after a failed
 * sync; what is there has to be synced anew. `salvage`: the file is not what was written.
 */
export type Remedy = 'again' | 'salvage';

/** Codes with which the store answers a call that it could not do, without being at fault. */
const OUTCOMES = new Set(['BUFFER_FULL', 'NOT_FOUND', 'REQUEST_INVALID', 'CONFLICT']);

/** Undefined when the store is well. */
export function remedyFor(cause: unknown): Remedy | undefined {
  if (cause instanceof AssertionError) return undefined;
  if (cause instanceof AppError && OUTCOMES.has(cause.code)) return undefined;
  return isCorruption(cause) ? 'salvage' : 'again';
}

function isCorruption(cause: unknown): boolean {
  if (cause instanceof AppError && cause.code === 'STORE_DAMAGED') return true;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return /^SQLITE_(CORRUPT|NOTADB|IOERR_READ|IOERR_SHORT_READ)/.test(code);
}

/** The disk failed or is full: no file is the better for being salvaged then. */
export function isOfDisk(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return /^SQLITE_(IOERR|FULL|CANTOPEN|BUSY)/.test(code);
}

/** The same store, whose faults are told besides being thrown. */
export function watchFaults(
  opened: OpenedStore,
  onFault: (cause: unknown) => void,
): Pick<OpenedStore, 'reads' | 'writer'> {
  return {
    reads: watchedReads(opened.reads, onFault),
    writer: watchedWriter(opened.writer, onFault),
  };
}

function watchedWriter(writer: StoreWriter, onFault: (cause: unknown) => void): StoreWriter {
  return {
    write(name, ...what) {
      const written = writer.write(name, ...what);
      written.catch(onFault);
      return written;
    },
    get bytes() {
      return writer.bytes;
    },
  };
}

function watchedReads(reads: StoreReads, onFault: (cause: unknown) => void): StoreReads {
  const watched =
    <A extends unknown[], R>(read: (...asked: A) => R) =>
    (...asked: A): R => {
      try {
        return read(...asked);
      } catch (cause) {
        onFault(cause);
        throw cause;
      }
    };
  return {
    ...reads,
    windows: watched(reads.windows),
    exchanges: watched(reads.exchanges),
    sealed: watched(reads.sealed),
    held: watched(reads.held),
  };
}
