import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { errorToThread, type ThreadError } from '@holdfast/shared/runtime/thread-error.ts';
import { type StepGate, stepsOfProcess } from '@holdfast/shared/runtime/thread-steps.ts';
import { LogFiles } from './log-files.ts';
import { perform, type WriteArguments, type WriteName } from './log-writer.ts';

// The thread in which the log's files are written: one message is one write, and its answer.

export interface ThreadStart {
  readonly groupsPath: string;
  readonly gate: StepGate | undefined;
}

export type ThreadRequest =
  | { readonly name: WriteName; readonly what: WriteArguments<WriteName> }
  | { readonly name: 'close' };

export type ThreadAnswer =
  | { readonly kind: 'step'; readonly step: string }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: ThreadError };

assert(parentPort, 'this file is started as a thread');
const port = parentPort;
const answer = (what: ThreadAnswer): void => port.postMessage(what);
const { groupsPath, gate } = workerData as ThreadStart;
const steps = stepsOfProcess(gate, (step) => answer({ kind: 'step', step }));
const files = new LogFiles(groupsPath, steps);

port.on('message', (request: ThreadRequest) => {
  if (request.name === 'close') {
    files.close();
    port.close();
    return;
  }
  try {
    answer({ kind: 'done', result: perform(files, request.name, request.what) });
  } catch (error) {
    answer({ kind: 'failed', error: errorToThread(error) });
  }
});
