import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { serveThread } from '@holdfast/shared/runtime/thread-calls.ts';
import { openBufferPages } from './buffer-pages.sqlite.ts';
import { sqliteBufferStore } from './buffer-store.sqlite.ts';
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
    perform: ({ name, what }) => pace.guard(() => perform(store, name, what)),
    state: () => bytesOf(store),
    answered: () => pace.wrote(),
    close: () => store.close(),
  };
});
