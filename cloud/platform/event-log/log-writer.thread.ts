import type { Transferable } from 'node:worker_threads';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { startThread, type Thread } from '@holdfast/shared/runtime/thread-calls.ts';
import type { LogRecord } from './event-log.ts';
import type { ThreadStart, WriteRequest } from './log-files.thread.ts';
import type { LogWriter, LogWriterOptions, WriteArguments, WriteName } from './log-writer.ts';

/**
 * Writes the log's files in a thread of its own: a commit stands still until the disk has it, and
 * the event loop must not. A thread that ended is followed by another at the next write.
 */
export function threadWriter(options: LogWriterOptions): LogWriter {
  let thread: Thread<WriteRequest> | undefined;
  let closing = false;
  const start = (): Thread<WriteRequest> =>
    startLogThread(options, (cause) => {
      thread = undefined;
      options.runtime.log.error({ err: cause }, 'the thread of the log ended');
    });
  return {
    write(name, ...what) {
      if (closing) return Promise.reject(new AppError('UNAVAILABLE', 'the event log is closed'));
      thread ??= start();
      const { request, transfers } = requestOf(name, what);
      return thread.call(request, transfers);
    },
    async close() {
      closing = true;
      await thread?.close();
    },
  };
}

function startLogThread(
  { groupsPath, runtime }: LogWriterOptions,
  onEnd: (cause: unknown) => void,
): Thread<WriteRequest> {
  return startThread<ThreadStart, WriteRequest>({
    file: new URL('./log-files.thread.ts', import.meta.url),
    name: 'writes the log',
    start: { groupsPath },
    runtime,
    onEnd,
  });
}

interface Packed {
  readonly request: WriteRequest;
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
