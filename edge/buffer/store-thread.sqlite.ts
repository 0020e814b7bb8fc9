import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { errorToThread, type ThreadError } from '@holdfast/shared/runtime/thread-error.ts';
import { type StepGate, stepsOfProcess } from '@holdfast/shared/runtime/thread-steps.ts';
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

// The thread in which the buffer's file is written: one message is one write, and its answer.

export interface ThreadStart {
  readonly path: string;
  readonly incarnation: string;
  readonly gate: StepGate | undefined;
}

export type ThreadRequest =
  | { readonly name: WriteName; readonly what: WriteArguments<WriteName> }
  | { readonly name: 'close' };

export type ThreadAnswer =
  | { readonly kind: 'step'; readonly step: string }
  | { readonly kind: 'done'; readonly result: unknown; readonly bytes: StoreBytes }
  | { readonly kind: 'failed'; readonly error: ThreadError };

assert(parentPort, 'this file is started as a thread');
const port = parentPort;
const answer = (what: ThreadAnswer): void => port.postMessage(what);
const { path, incarnation, gate } = workerData as ThreadStart;
const database = openBufferPages(path);
const core = sqliteBufferStore(database, incarnation, {
  clock: systemClock,
  steps: stepsOfProcess(gate, (step) => answer({ kind: 'step', step })),
});
const store = markedStore(core, path);
const pace = new CheckpointPace(database, systemClock);

port.on('message', (request: ThreadRequest) => {
  if (request.name === 'close') {
    store.close();
    port.close();
    return;
  }
  try {
    const result = perform(store, request.name, request.what);
    answer({ kind: 'done', result, bytes: bytesOf(store) });
  } catch (error) {
    answer({ kind: 'failed', error: errorToThread(error) });
  }
  pace.wrote();
});
