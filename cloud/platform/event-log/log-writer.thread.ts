import { type Transferable, Worker } from 'node:worker_threads';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { errorFromThread } from '@holdfast/shared/runtime/thread-error.ts';
import { keepSteps } from '@holdfast/shared/runtime/thread-steps.ts';
import type { LogRecord } from './event-log.ts';
import type { ThreadAnswer, ThreadRequest, ThreadStart } from './log-files.thread.ts';
import type { LogWriter, LogWriterOptions, WriteArguments, WriteName } from './log-writer.ts';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Waiting[];
  readonly exited: Promise<void>;
}

/**
 * Writes the log's files in a thread of its own: a commit stands still until the disk has it, and
 * the event loop must not. A thread that ended is followed by another at the next write.
 */
export function threadWriter(options: LogWriterOptions): LogWriter {
  let thread: Thread | undefined;
  let closing = false;
  const start = (): Thread =>
    startThread(options, (ended, cause) => {
      if (thread === ended) thread = undefined;
      if (!closing) options.runtime.log.error({ err: cause }, 'the thread of the log ended');
    });
  return {
    write(name, ...what) {
      if (closing) return Promise.reject(new AppError('UNAVAILABLE', 'the event log is closed'));
      thread ??= start();
      const { worker, waiting } = thread;
      const { request, transfers } = requestOf(name, what);
      worker.postMessage(request, transfers);
      return new Promise((resolve, reject) => {
        waiting.push({ resolve: resolve as Waiting['resolve'], reject });
      });
    },
    async close() {
      closing = true;
      thread?.worker.postMessage({ name: 'close' } satisfies ThreadRequest);
      await thread?.exited;
    },
  };
}

function startThread(
  { groupsPath, runtime }: LogWriterOptions,
  onEnd: (thread: Thread, cause: unknown) => void,
): Thread {
  const { gate, pass } = keepSteps(runtime.steps);
  const worker = new Worker(new URL('./log-files.thread.ts', import.meta.url), {
    workerData: { groupsPath, gate } satisfies ThreadStart,
    transferList: gate ? [gate.replies] : [],
  });
  const waiting: Waiting[] = [];
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const thread = { worker, waiting, exited };
  let over = false;
  // An error is followed by the exit: the first of them says why.
  const end = (cause: unknown): void => {
    if (over) return;
    over = true;
    const error = new AppError('UNAVAILABLE', 'the thread that writes the log ended', { cause });
    for (const { reject } of waiting.splice(0)) reject(error);
    onEnd(thread, cause);
  };
  worker.on('error', end);
  worker.on('exit', (code) => end(new Error(`it exited with ${code}`)));
  worker.on('message', (answer: ThreadAnswer) => {
    if (answer.kind === 'step') {
      pass(answer.step);
      return;
    }
    const { resolve, reject } = waiting.shift()!;
    if (answer.kind === 'failed') reject(errorFromThread(answer.error));
    else resolve(answer.result);
  });
  return thread;
}

interface Packed {
  readonly request: ThreadRequest;
  readonly transfers: Transferable[];
}

function requestOf(name: WriteName, what: WriteArguments<WriteName>): Packed {
  if (name !== 'append') return { request: { name, what }, transfers: [] };
  const [topic, { records, nowMs }] = what as WriteArguments<'append'>;
  const { packed, bytes } = packedRecords(records);
  return { request: { name, what: [topic, { records: packed, nowMs }] }, transfers: [bytes] };
}

/**
 * All values in one buffer that moves over: each is a view into a larger one, such as a frame that
 * came from a socket, and a view would take the whole of it along.
 */
function packedRecords(records: readonly LogRecord[]): {
  packed: readonly LogRecord[];
  bytes: ArrayBuffer;
} {
  const total = records.reduce((sum, { value }) => sum + value.byteLength, 0);
  const bytes = new ArrayBuffer(total);
  let at = 0;
  const packed = records.map(({ key, headers, value }) => {
    const copy = new Uint8Array(bytes, at, value.byteLength);
    copy.set(value);
    at += value.byteLength;
    return { key, headers, value: copy };
  });
  return { packed, bytes };
}
