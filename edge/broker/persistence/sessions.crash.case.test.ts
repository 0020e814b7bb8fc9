import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteSessions } from './session-persistence.sqlite.ts';
import type { MqttPacket } from './session-persistence.ts';

const CHILD = fileURLToPath(new URL('./sessions.crash.case.child.ts', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-sessions-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The highest number of each word that the child said before it killed itself. */
async function killedAt(step: string, times: number): Promise<(word: string) => number> {
  const child = spawn(process.execPath, [CHILD, join(folder, 's.sqlite'), step, String(times)]);
  let said = '';
  let complaint = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  const [, signal] = await once(child, 'close');
  expect(signal, complaint).toBe('SIGKILL');
  return (word) =>
    Math.max(0, ...[...said.matchAll(new RegExp(`^${word} (\\d+)$`, 'gm'))].map(([, n]) => +n!));
}

describe('killed', () => {
  it.each([
    ['sessions.before-commit', 2],
    ['sessions.before-commit', 3],
    ['sessions.before-commit', 13],
    ['sessions.committed', 2],
    ['sessions.committed', 14],
    ['sessions.committed', 24],
  ])('at %s, time %i, has what was acknowledged, once', async (step, times) => {
    const highest = await killedAt(step, times);
    const runtime = testRuntime();
    const path = join(folder, 's.sqlite');
    const sessions = openSqliteSessions({ path, runtime, expiryHours: 1 });
    await sessions.setup({ id: 'b2' });
    const queue: MqttPacket[] = [];
    for await (const packet of sessions.outgoingStream({ id: 'reader' })) queue.push(packet);
    const subscriptions = await sessions.subscriptionsByClient({ id: 'reader' });
    const writer = { id: 'writer' };
    const isHeld = (messageId: number) =>
      sessions.incomingGetPacket(writer, { messageId }).then(
        () => true,
        () => false,
      );
    const last = queue.length;
    const held = await Promise.all([isHeld(highest('released')), isHeld(last)]);
    const retained: MqttPacket[] = [];
    const stream = sessions.createRetainedStream(`a/${last % 3}`);
    for await (const packet of stream) retained.push(packet);
    await sessions.destroy();

    expect(subscriptions).toHaveLength(1);
    // The child's payloads count its messages.
    expect(queue.map(({ payload }) => Number(payload))).toEqual(queue.map((_, at) => at + 1));
    expect([highest('acknowledged'), highest('acknowledged') + 1]).toContain(last);
    const sent = queue.slice(0, highest('sent')).map(({ messageId }) => messageId);
    expect(sent).toEqual(sent.map((_, at) => 1001 + at));
    expect(held[0]).toBe(false);
    if (last > highest('sent')) expect(held[1]).toBe(true);
    if (last > 0) expect(retained.map(({ payload }) => Number(payload))).toEqual([last]);
  });
});
