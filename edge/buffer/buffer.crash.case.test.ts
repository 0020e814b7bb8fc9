import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { payloads, sealedOf, type World, world } from './buffer.case.fixture.ts';

const CHILD = fileURLToPath(new URL('./buffer.case.child.ts', import.meta.url));

let place: World;
beforeEach(() => {
  place = world();
});
afterEach(() => place.remove());

/** What the child said before it killed itself. */
async function killedAt(
  writes: string,
  step: string,
  times: number,
): Promise<Record<string, bigint[]>> {
  const child = spawn(process.execPath, [CHILD, place.file, step, String(times), writes]);
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
  const lines = said.trim().split('\n').filter(Boolean);
  const words = lines.map((line) => line.split(' ') as [string, string]);
  const of = (word: string) => words.filter(([first]) => first === word).map(([, n]) => BigInt(n));
  return { stored: of('stored'), acknowledged: of('acknowledged') };
}

describe.each(['inline', 'in a thread'])('written %s and killed', (where) => {
  const writes = where === 'inline' ? 'inline' : 'thread';

  it.each([
    ['buffer.append.before-commit', 5],
    ['buffer.append.committed', 1],
    ['buffer.append.committed', 7],
    ['buffer.seal.before-commit', 2],
    ['buffer.seal.committed', 2],
    ['buffer.ack.before-commit', 1],
    ['buffer.ack.committed', 2],
  ])('at %s, time %i, keeps every acknowledged message once and in order', async (step, times) => {
    const { stored, acknowledged } = await killedAt(writes, step, times);
    const buffer = place.open();
    await buffer.seal('telemetry');
    const position = buffer.positions().find(({ lane }) => lane === 'telemetry')!;
    const freed = position.acknowledged.contiguous;
    const pending = await payloads(buffer, sealedOf(buffer, 'telemetry'));
    await buffer.close();

    expect(position.accepted >= (stored!.at(-1) ?? 0n)).toBe(true);
    expect(freed >= (acknowledged!.at(-1) ?? 0n)).toBe(true);
    // The child's payloads are their own sequences.
    const expected = Array.from(
      { length: Number(position.accepted - freed) },
      (_, at) => `${freed + BigInt(at) + 1n}`,
    );
    expect(pending).toEqual(expected);
  });
});
