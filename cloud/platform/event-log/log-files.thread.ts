import { serveThread } from '@holdfast/shared/runtime/thread-calls.ts';
import { LogFiles } from './log-files.ts';
import { perform, type WriteArguments, type WriteName } from './log-writer.ts';

// The thread in which the log's files are written: one call is one write.

export interface ThreadStart {
  readonly groupsPath: string;
}

export interface WriteRequest {
  readonly name: WriteName;
  readonly what: WriteArguments<WriteName>;
}

serveThread<ThreadStart, WriteRequest>(({ groupsPath }, steps) => {
  const files = new LogFiles(groupsPath, steps);
  return {
    perform: ({ name, what }) => perform(files, name, what),
    close: () => files.close(),
  };
});
