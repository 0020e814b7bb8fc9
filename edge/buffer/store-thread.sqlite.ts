import { releaseBytes } from '@holdfast/shared/lib/release-bytes.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { serveThread } from '@holdfast/shared/runtime/thread-calls.ts';
import { openBufferPages } from './buffer-pages.sqlite.ts';
import { sqliteBufferStore } from './buffer-store.sqlite.ts';
import type { TurnWrite } from './buffer-store.ts';
import { CheckpointPace } from './checkpoint-pace.sqlite.ts';
import { markedStore } from './position-mark.ts';
import {
  bytesOf,
  perform,
  type StoreBytes,
  type WriteArguments,
  type WriteName,
} from './store-writer.ts';

// The thread in which the buffer's file is written: one call is one write.

export interface ThreadStart {
  readonly path: string;
  readonly incarnation: string;
}

export interface WriteRequest {
  readonly name: WriteName;
  readonly what: WriteArguments<WriteName>;
}

serveThread<ThreadStart, WriteRequest, StoreBytes>(({ path, incarnation }, steps) => {
  const database = openBufferPages(path);
  const core = sqliteBufferStore(database, incarnation, { clock: systemClock, steps });
  const store = markedStore(core, path);
  const pace = new CheckpointPace(database, systemClock);
  return {
    perform(request) {
      const result = pace.guard(() => perform(store, request.name, request.what));
      releaseTurn(request);
      return result;
    },
    state: () => bytesOf(store),
    answered: () => pace.wrote(),
    close: () => store.close(),
  };
});

/** A turn's bodies moved here, and are in the file now. */
function releaseTurn({ name, what }: WriteRequest): void {
  if (name !== 'append') return;
  for (const { body } of (what[0] as TurnWrite).groups) releaseBytes(body);
}
