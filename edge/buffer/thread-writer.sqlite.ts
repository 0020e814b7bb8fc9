import { type Transferable, Worker } from 'node:worker_threads';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { errorFromThread } from '@holdfast/shared/runtime/thread-error.ts';
import { keepSteps, type StepKeeper } from '@holdfast/shared/runtime/thread-steps.ts';
import type { TurnWrite } from './buffer-store.ts';
import type { ThreadAnswer, ThreadRequest, ThreadStart } from './store-thread.sqlite.ts';
import type { StoreBytes, StoreWriter, WriteArguments, WriteName } from './store-writer.ts';

export interface ThreadWriterOptions {
  readonly path: string;
  readonly incarnation: string;
  /** Of the file as it was opened. */
  readonly bytes: StoreBytes;
  readonly runtime: Pick<Runtime, 'steps'>;
}

export interface ThreadWriter extends StoreWriter {
  /** After the writes that were asked for before. Resolves when the thread is gone. */
  close(): Promise<void>;
}

/** What the thread may take beside the file's own cache: groups, and the blocks made of them. */
const THREAD_HEAP_MIB = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the thread that writes the file. Whoever starts it closes it. */
export function startThreadWriter(options: ThreadWriterOptions): ThreadWriter {
  const waiting: Waiting[] = [];
  const steps = keepSteps(options.runtime.steps);
  const worker = startThread(options, steps);
  let { bytes } = options;
  let ended: AppError | undefined;
  let closing = false;

  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const end = (cause: unknown): void => {
    if (closing && waiting.length === 0) return;
    ended ??= new AppError('UNAVAILABLE', 'the thread that writes the buffer ended', { cause });
    for (const { reject } of waiting.splice(0)) reject(ended);
  };
  worker.on('error', end);
  worker.on('exit', (code) => end(new Error(`it exited with ${code}`)));
  worker.on('message', (answer: ThreadAnswer) => {
    if (answer.kind === 'step') {
      steps.pass(answer.step);
      return;
    }
    const { resolve, reject } = waiting.shift()!;
    if (answer.kind === 'failed') reject(errorFromThread(answer.error));
    else {
      ({ bytes } = answer);
      resolve(answer.result);
    }
  });
  const send = (request: ThreadRequest, transfers: Transferable[]): void =>
    worker.postMessage(request, transfers);

  return {
    write: (name, ...what) =>
      new Promise((resolve, reject) => {
        if (ended) {
          reject(ended);
          return;
        }
        send({ name, what }, transfersOf(name, what));
        waiting.push({ resolve: resolve as (result: unknown) => void, reject });
      }),
    get bytes() {
      return bytes;
    },
    async close() {
      closing = true;
      if (!ended) send({ name: 'close' }, []);
      await exited;
    },
  };
}

function startThread({ path, incarnation }: ThreadWriterOptions, { gate }: StepKeeper): Worker {
  return new Worker(new URL('./store-thread.sqlite.ts', import.meta.url), {
    workerData: { path, incarnation, gate } satisfies ThreadStart,
    transferList: gate ? [gate.replies] : [],
    resourceLimits: THREAD_HEAP_MIB,
  });
}

/** A turn's bodies move to the thread; everything else is small. */
function transfersOf(name: WriteName, what: WriteArguments<WriteName>): Transferable[] {
  if (name !== 'append') return [];
  const { groups } = what[0] as TurnWrite;
  return groups.map(({ body }) => body.buffer as ArrayBuffer);
}
