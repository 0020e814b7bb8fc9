import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  AGAIN_GAP_MS,
  backoffMs,
  POLL_BACKOFF_MS_MAX,
  POLL_INTERVAL_MS,
  startPoll,
} from './poll.ts';

let page: EventTarget & { visibilityState: 'visible' | 'hidden' };
let readCount: number;
let result: () => Promise<string>;
let seen: string[];

beforeEach(() => {
  vi.useFakeTimers();
  page = Object.assign(new EventTarget(), { visibilityState: 'visible' as const });
  vi.stubGlobal('document', page);
  vi.stubGlobal('window', new EventTarget());
  readCount = 0;
  seen = [];
  result = async () => 'value';
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function start() {
  return startPoll<string>({
    read: () => {
      readCount += 1;
      return result();
    },
    onValue: (value) => seen.push(value),
    onFailure: (_, failureCount) => seen.push(`failure ${failureCount}`),
  });
}

function show(visibilityState: 'visible' | 'hidden'): void {
  page.visibilityState = visibilityState;
  page.dispatchEvent(new Event('visibilitychange'));
}

it('reads at once, then once per interval, until it is stopped', async () => {
  const poll = start();
  await vi.advanceTimersByTimeAsync(2.5 * POLL_INTERVAL_MS);
  expect(readCount).toBe(3);
  poll.stop();
  await vi.advanceTimersByTimeAsync(10 * POLL_INTERVAL_MS);
  expect(readCount).toBe(3);
});

it('reads nothing while the page is hidden, and at once when it is shown again', async () => {
  const poll = start();
  await vi.advanceTimersByTimeAsync(100);
  show('hidden');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(readCount).toBe(1);
  show('visible');
  await vi.advanceTimersByTimeAsync(1);
  expect(readCount).toBe(2);
  await vi.advanceTimersByTimeAsync(POLL_INTERVAL_MS);
  expect(readCount).toBe(3);
  poll.stop();
});

it('counts failures, and is back within two seconds however long they went on', async () => {
  result = () => Promise.reject(new Error('away'));
  const poll = start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(seen.slice(0, 2)).toEqual(['failure 1', 'failure 2']);
  expect(readCount).toBeLessThan(60);
  result = async () => 'back';
  await vi.advanceTimersByTimeAsync(1_900);
  expect(seen).toContain('back');
  poll.stop();
});

it('waits longer after each failure, up to its limit', () => {
  expect([1, 2, 3, 4, 99].map((count) => backoffMs(count, 0))).toEqual([
    250, 500, 1_000, 1_500, 1_500,
  ]);
  expect(backoffMs(9, 1)).toBe(0.8 * POLL_BACKOFF_MS_MAX);
});

it('reads again when it is told of changes, however many, at most once per gap', async () => {
  const poll = start();
  await vi.advanceTimersByTimeAsync(10);
  for (let count = 0; count < 50; count += 1) poll.again();
  await vi.advanceTimersByTimeAsync(AGAIN_GAP_MS);
  expect(readCount).toBe(2);
  await vi.advanceTimersByTimeAsync(POLL_INTERVAL_MS);
  expect(readCount).toBe(3);
  poll.stop();
});

it('reads once more when a change is told in mid-reading', async () => {
  let answer = (_: string): void => {};
  result = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  const poll = start();
  poll.again();
  answer('from before the change');
  result = async () => 'after it';
  await vi.advanceTimersByTimeAsync(AGAIN_GAP_MS);
  expect(seen).toEqual(['from before the change', 'after it']);
  poll.stop();
});
