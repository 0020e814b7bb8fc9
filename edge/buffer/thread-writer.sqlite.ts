import type { Transferable } from 'node:worker_threads';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { startThread } from '@holdfast/shared/runtime/thread-calls.ts';
import type { TurnWrite } from './buffer-store.ts';
import type { ThreadStart, WriteRequest } from './store-thread.sqlite.ts';
import type { StoreBytes, StoreWriter, WriteArguments, WriteName } from './store-writer.ts';

export interface ThreadWriterOptions {
  readonly path: string;
  readonly incarnation: string;
  /** Of the file as it was opened. */
  readonly bytes: StoreBytes;
  readonly runtime: Pick<Runtime, 'clock' | 'steps'>;
}

export interface ThreadWriter extends StoreWriter {
  /**
   * After the writes that were asked for before. Resolves when the thread is gone; rejects with
   * UNAVAILABLE when it does not end in time.
   */
  close(): Promise<void>;
}

/** What the thread may take beside the file's own cache: groups, and the blocks made of them. */
const THREAD_HEAP_MIB = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };

/** Starts the thread that writes the file. Whoever starts it closes it. */
export function startThreadWriter(options: ThreadWriterOptions): ThreadWriter {
  const { path, incarnation, runtime } = options;
  let { bytes } = options;
  const thread = startThread<ThreadStart, WriteRequest, StoreBytes>({
    file: new URL('./store-thread.sqlite.ts', import.meta.url),
    name: 'writes the buffer',
    start: { path, incarnation },
    runtime,
    limits: THREAD_HEAP_MIB,
    onState: (state) => {
      bytes = state;
    },
  });
  return {
    write: (name, ...what) => thread.call({ name, what }, transfersOf(name, what)),
    get bytes() {
      return bytes;
    },
    close: () => thread.close(),
  };
}

/** A turn's bodies move to the thread; everything else is small. */
function transfersOf(name: WriteName, what: WriteArguments<WriteName>): Transferable[] {
  if (name !== 'append') return [];
  const { groups } = what[0] as TurnWrite;
  return groups.map(({ body }) => body.buffer as ArrayBuffer);
}
