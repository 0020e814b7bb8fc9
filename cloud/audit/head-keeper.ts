import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { appendHead, HEAD_EVERY_MICROS } from './store/heads.ts';
import type { AuditTables } from './store/tables.ts';

const EVERY_MS = Number(HEAD_EVERY_MICROS / 1000n);

export interface HeadKeeper {
  start(): void;
  stop(): Promise<void>;
  /** What failed the last time; undefined when nothing did. */
  failure(): string | undefined;
}

/**
 * Chains the heads at the turn of each minute. Each is logged, too: who rewrites the database has
 * to rewrite the logs, wherever they are kept.
 */
export function createHeadKeeper(options: {
  readonly sql: Sql<AuditTables>;
  readonly runtime: Pick<Runtime, 'clock' | 'log'>;
}): HeadKeeper {
  const { sql, runtime } = options;
  const { clock, log } = runtime;
  const stopping = new AbortController();
  let failed: string | undefined;
  let running: Promise<void> | undefined;
  const attempt = async (): Promise<void> => {
    try {
      const atMicros = clock.nowMicros();
      const head = await sql.transaction((tx) => appendHead(tx, atMicros));
      failed = undefined;
      if (head) log.info({ head: Number(head.index), hash: head.hash }, 'audit chains have a head');
    } catch (err) {
      failed = `chaining the heads failed: ${messageOf(err)}`;
      log.error({ err }, 'chaining the heads failed; it is tried again');
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const restMs = EVERY_MS - (clock.now() % EVERY_MS);
      // Rejects when it is told to stop, which the condition sees.
      await clock.sleep(restMs, stopping.signal).catch(() => undefined);
      // When it stops, too: what was chained since the last turn is under a head.
      await attempt();
    }
  };
  return {
    start() {
      running = loop();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    failure: () => failed,
  };
}
