import { expect, it, onTestFinished } from 'vitest';
import { simulatedClock } from './clock.simulated.ts';
import { type Runtime, testRuntime } from './runtime.ts';
import type { CountRequest, CountStart } from './thread-calls.fixture.ts';
import { CLOSE_TIMEOUT_MS, startThread, type Thread } from './thread-calls.ts';

interface Counter {
  readonly thread: Thread<CountRequest>;
  /** The state that came with each result. */
  readonly counts: number[];
  readonly ends: unknown[];
}

function counter(replaced: Partial<Runtime> = {}): Counter {
  const counts: number[] = [];
  const ends: unknown[] = [];
  const thread = startThread<CountStart, CountRequest, { count: number }>({
    file: new URL('./thread-calls.fixture.ts', import.meta.url),
    name: 'counts',
    start: { from: 10 },
    runtime: testRuntime(replaced),
    onState: ({ count }) => counts.push(count),
    onEnd: (cause) => ends.push(cause),
  });
  return { thread, counts, ends };
}

function closedAfter(): Counter {
  const made = counter();
  onTestFinished(() => made.thread.close());
  return made;
}

it('performs calls in their order, answers in it, and tells the state before each', async () => {
  const { thread, counts } = closedAfter();
  const seen: string[] = [];
  const adds = [1, 2, 3].map(async (by) => {
    const result = await thread.call({ kind: 'add', by });
    seen.push(`${result} of ${counts.join()}`);
  });
  await Promise.all(adds);
  expect(seen).toEqual(['11 of 11', '13 of 11,13', '16 of 11,13,16']);
});

it('fails the call whose work throws, with its code, and goes on in order', async () => {
  const { thread, counts } = closedAfter();
  const calls = [thread.call({ kind: 'fail' }), thread.call({ kind: 'add', by: 1 })];
  const [failed, added] = await Promise.allSettled(calls);
  const reason = { code: 'CONFLICT', message: 'not this one', operatorOnly: true };
  expect(failed).toMatchObject({ reason });
  expect(added).toMatchObject({ value: 11 });
  expect(counts).toEqual([11]);
});

it('rejects a request that cannot be sent, and takes no answer for it', async () => {
  const { thread } = closedAfter();
  const unsendable = { kind: 'add', by: (() => 1) as unknown as number } as const;
  await expect(thread.call(unsendable)).rejects.toThrow('could not be cloned');
  expect(await thread.call({ kind: 'add', by: 1 })).toBe(11);
});

it('moves what is to be transferred', async () => {
  const { thread } = closedAfter();
  const bytes = new Uint8Array(1000);
  expect(await thread.call({ kind: 'measure', bytes }, [bytes.buffer])).toBe(1000);
  expect(bytes.byteLength).toBe(0);
});

it('stands at a step until the process has been there, and fails where that failed', async () => {
  const reached: string[] = [];
  const reach = (step: string): void => {
    reached.push(step);
    if (step === 'second') throw new Error('no further');
  };
  const { thread } = counter({ steps: { reach } });
  expect(await thread.call({ kind: 'reach', step: 'first' })).toBe('first');
  await expect(thread.call({ kind: 'reach', step: 'second' })).rejects.toThrow('no further');
  expect(reached).toEqual(['first', 'second']);
  await thread.close();
});

it('fails what waits and what comes later when the thread dies, and says so once', async () => {
  const { thread, ends } = counter();
  const all = await Promise.allSettled([
    thread.call({ kind: 'die' }),
    thread.call({ kind: 'add', by: 1 }),
    thread.call({ kind: 'fail' }),
  ]);
  const dead = { reason: { code: 'UNAVAILABLE', cause: { message: 'dead' } } };
  // The news of its death may overtake its last answer.
  if (all[0].status === 'rejected') expect(all[0]).toMatchObject(dead);
  for (const waiting of all.slice(1)) expect(waiting).toMatchObject(dead);
  await expect(thread.call({ kind: 'add', by: 1 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await thread.close();
  expect(ends).toMatchObject([{ message: 'dead' }]);
});

it('performs what was asked for before it closes, and refuses what comes after', async () => {
  const { thread, ends } = counter();
  const before = thread.call({ kind: 'add', by: 1 });
  const closed = thread.close();
  await expect(thread.call({ kind: 'add', by: 1 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await before).toBe(11);
  await closed;
  await thread.close();
  expect(ends).toEqual([]);
});

it('waits for a thread that does not end until the deadline, and fails what waited', async () => {
  const clock = simulatedClock();
  const { thread, ends } = counter({ clock });
  const standing = new SharedArrayBuffer(4);
  const calls = [thread.call({ kind: 'hang', standing }), thread.call({ kind: 'add', by: 1 })];
  const settled = Promise.allSettled(calls);
  await expect.poll(() => Atomics.load(new Int32Array(standing), 0)).toBe(1);
  const closed = thread.close().catch((error: unknown) => error);
  await clock.advance(CLOSE_TIMEOUT_MS - 1);
  expect(await Promise.race([closed, 'not yet'])).toBe('not yet');
  await clock.advance(1);
  expect(await closed).toMatchObject({
    code: 'UNAVAILABLE',
    message: 'the thread that counts did not end within 30000 ms, and is ended where it stands',
  });
  for (const { reason } of (await settled) as PromiseRejectedResult[])
    expect(reason).toMatchObject({ code: 'UNAVAILABLE' });
  expect(ends).toEqual([]);
});
