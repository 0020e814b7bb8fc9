import type { TopicDefinition } from '@holdfast/shared/contracts/topics.ts';
import type { LogWorld } from './log-world.ts';
import type { LogWriter } from './log-writer.ts';
import type { Cursor, TopicFile } from './topic-file.ts';

/** Between two steps, so that appends get the lock and the event loop its turn. */
const STEP_PAUSE_MS = 20;

export interface RetainedTopic {
  readonly file: TopicFile;
  readonly definition: TopicDefinition;
}

export interface RetentionOptions {
  readonly world: LogWorld;
  readonly writer: LogWriter;
  readonly intervalMs: number;
  readonly topics: () => readonly RetainedTopic[];
}

/**
 * Removes, in the background and in small steps, what each topic need not keep. Every process that
 * has a topic open does it: what one removed the others do not find. Returns the stop, which
 * resolves when no step is under way.
 */
export function startRetention(options: RetentionOptions): () => Promise<void> {
  const { world, intervalMs } = options;
  const stopped = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      // Drawn, so that the processes do not all come at once.
      await pause(world, intervalMs * (0.5 + world.random.fraction()), stopped.signal);
      for (const topic of options.topics()) await retain(topic, options, stopped.signal);
    }
  };
  const running = loop();
  return () => {
    stopped.abort();
    return running;
  };
}

async function retain(
  { file, definition }: RetainedTopic,
  { world, writer }: RetentionOptions,
  stopped: AbortSignal,
): Promise<void> {
  const { retention } = definition;
  try {
    for (let cursor: Cursor = 0n; cursor !== undefined && !stopped.aborted; ) {
      const nowMs = world.clock.now();
      cursor =
        retention.kind === 'compact'
          ? await writer.write('compact', file.options)
          : await writer.write('expire', file.options, {
              beforeMs: nowMs - retention.ms,
              nowMs,
              after: cursor,
            });
      await pause(world, STEP_PAUSE_MS, stopped);
    }
  } catch (cause) {
    // Nobody waits for it: the next pass begins where this one failed, and the log shows that space
    // is not freed.
    world.log.error({ err: cause, topic: file.topic }, 'cannot remove old events');
  }
}

/** Ends early when stopped. Does not keep the process alive. */
function pause({ clock }: LogWorld, ms: number, stopped: AbortSignal): Promise<void> {
  if (stopped.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      stopped.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.after(ms, end);
    stopped.addEventListener('abort', end);
  });
}
