import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Topic } from '@holdfast/shared/contracts/topics.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GroupsFile } from './groups-file.ts';
import { Peers } from './peers.ts';
import { TopicFile } from './topic-file.ts';

const POLL_MS = 25;

let folder: string;
const opened: { close(): void }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-peers-'));
});
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
  rmSync(folder, { recursive: true, force: true });
});

const pathOf = (topic: Topic): string => join(folder, `${topic}.db`);
const open = (topic: Topic): TopicFile => {
  const file = new TopicFile({ path: pathOf(topic), topic, partitionCount: 4, compacted: false });
  opened.push(file);
  return file;
};

it('tells of each topic’s news at once, also while another topic’s file is damaged', async () => {
  const clock = simulatedClock();
  const path = join(folder, 'groups.db');
  const groups = new GroupsFile({ path, process: 'a', leaseMs: 2000, clock });
  const failures: { file: string; err: unknown }[] = [];
  const runtime = testRuntime({ clock });
  const log = Object.assign(Object.create(runtime.log), {
    error: (failure: (typeof failures)[number]) => failures.push(failure),
  });
  const world = { ...runtime, log, soon: (callback: () => void) => callback() };
  const peers = new Peers({ world, groups, leaseMs: 2000, pollMs: POLL_MS });
  opened.push(peers, groups);
  const [damaged, fine, theirs] = [open('gateways'), open('orders'), open('orders')];
  damaged.close();
  writeFileSync(pathOf('gateways'), Buffer.alloc(8192, 'x'));
  const told: string[] = [];
  // The damaged one first: a look that stopped there would never come to the other.
  for (const file of [damaged, fine]) peers.watch({ file, notify: () => told.push(file.topic) });

  for (const news of ['first', 'second']) {
    theirs.append([{ key: 'a', headers: {}, value: Buffer.from(news) }], 1);
    await clock.advance(POLL_MS);
  }
  expect(told).toEqual(['orders', 'orders']);
  // And it is not tried, and told of, with each look at the others.
  const err = expect.objectContaining({ code: 'STORE_DAMAGED' });
  expect(failures).toEqual([{ file: 'gateways', err }]);
});
