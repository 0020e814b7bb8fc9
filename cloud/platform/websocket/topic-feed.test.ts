import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEmbeddedLog } from '../event-log/event-log.embedded.ts';
import type { EventLog } from '../event-log/event-log.ts';
import { openTopicFeed, type TopicFeed } from './topic-feed.ts';

let dir: string;
let log: EventLog;
let feed: TopicFeed;
let shown: string[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-feed-'));
  const runtime = testRuntime();
  log = await openEmbeddedLog({ dir, runtime });
  shown = [];
  const onEvent = ({ headers }: { readonly headers: Readonly<Record<string, string>> }): void =>
    void shown.push(headers['ce_id']!);
  feed = openTopicFeed({ log, topic: 'orders', runtime, onEvent });
});
afterEach(async () => {
  await feed.stop();
  await log.close();
  rmSync(dir, { recursive: true, force: true });
});

it('shows all that was appended together, though one read does not hold it', async () => {
  await feed.look();
  const value = Buffer.alloc(800 * 1024);
  const ids = Array.from({ length: 12 }, (_, number) => `evt_${number}`);
  await log.append(
    'orders',
    ids.map((id) => ({ key: 'ord_1', headers: { ce_id: id }, value })),
  );
  await expect.poll(() => shown, { timeout: 5_000 }).toEqual(ids);
});
