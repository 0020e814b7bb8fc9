import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { LogPosition, LogRecord } from './event-log.ts';
import type { OffsetCommit } from './groups-file.ts';
import { LogFiles } from './log-files.ts';
import type { Cursor, ExpireOptions, TopicFileOptions } from './topic-file.ts';

/**
 * What changes the log's files, by name. The one table for both sides: what is added here can be
 * asked for from the event loop, and runs where the files are, in a thread of their own or inline.
 */
const WRITES = {
  append: (
    files: LogFiles,
    topic: TopicFileOptions,
    { records, nowMs }: { readonly records: readonly LogRecord[]; readonly nowMs: number },
  ): LogPosition[] | undefined => files.topic(topic).append(records, nowMs),
  expire: (files: LogFiles, topic: TopicFileOptions, options: ExpireOptions): Cursor =>
    files.topic(topic).expire(options),
  compact: (files: LogFiles, topic: TopicFileOptions): Cursor => files.topic(topic).compact(),
  commitOffsets: (files: LogFiles, commits: readonly OffsetCommit[]): boolean[] =>
    files.commitOffsets(commits),
} as const;

type Writes = typeof WRITES;
export type WriteName = keyof Writes;
type ArgumentsOf<W> = W extends (files: LogFiles, ...rest: infer Rest) => unknown ? Rest : never;
export type WriteArguments<N extends WriteName> = ArgumentsOf<Writes[N]>;
export type WriteResult<N extends WriteName> = ReturnType<Writes[N]>;

/**
 * The event loop's way to what changes the log's files. A write is one transaction, synced to disk
 * when it resolves.
 *
 * - Writes run one at a time, in the order of the calls, and resolve in that order.
 * - What was resolved is seen by every read that is begun afterwards.
 * - When the place where it runs is lost, the calls that wait reject with UNAVAILABLE, and nobody
 *   knows which of them are on disk; the next call finds another place.
 */
export interface LogWriter {
  write<N extends WriteName>(name: N, ...what: WriteArguments<N>): Promise<WriteResult<N>>;
  /**
   * After the writes that were asked for before. Rejects with UNAVAILABLE when the place where they
   * run does not end in time.
   */
  close(): Promise<void>;
}

export interface LogWriterOptions {
  readonly groupsPath: string;
  readonly runtime: Pick<Runtime, 'clock' | 'steps' | 'log'>;
}

/**
 * `thread`: in a thread of its own, so that no sync holds the event loop up. `inline`: on the
 * caller's own thread, for simulations and tests, where another one would take the order of things
 * out of their hands.
 */
export async function openLogWriter(
  writes: 'thread' | 'inline',
  options: LogWriterOptions,
): Promise<LogWriter> {
  if (writes === 'inline')
    return inlineWriter(new LogFiles(options.groupsPath, options.runtime.steps));
  const { threadWriter } = await import('./log-writer.thread.ts');
  return threadWriter(options);
}

/** Runs one write on the files, on whatever thread this is. */
export function perform<N extends WriteName>(
  files: LogFiles,
  name: N,
  what: WriteArguments<N>,
): WriteResult<N> {
  const write = WRITES[name] as unknown as (
    files: LogFiles,
    ...rest: WriteArguments<N>
  ) => WriteResult<N>;
  return write(files, ...what);
}

function inlineWriter(files: LogFiles): LogWriter {
  return {
    write: async (name, ...what) => perform(files, name, what),
    close: async () => files.close(),
  };
}
