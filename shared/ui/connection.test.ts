import { expect, it } from 'vitest';
import { AppError } from '../lib/app-error.ts';
import { isWorthTelling, watchConnection } from './connection.ts';

const REFUSED = new AppError('UNAVAILABLE', 'the cloud cannot be reached');

it('is down since the first of the failures that made it so, and up with the first answer', () => {
  let nowMs = 0;
  const watch = watchConnection(() => nowMs);
  expect(watch.connection.get().kind).toBe('asking');
  watch.succeeded();
  nowMs = 1_000;
  watch.failed(REFUSED, 1);
  expect(watch.connection.get().kind).toBe('up');
  nowMs = 1_250;
  watch.failed(REFUSED, 2);
  expect(watch.connection.get()).toMatchObject({ kind: 'down', sinceMs: 1_000 });
  nowMs = 9_000;
  watch.failed(REFUSED, 3);
  expect(watch.connection.get()).toMatchObject({ kind: 'down', sinceMs: 1_000 });
  watch.succeeded();
  expect(watch.connection.get().kind).toBe('up');
});

it('takes a single answer that never came for an outage, and a refusal for an answer', () => {
  const watch = watchConnection(() => 5);
  watch.failed(new AppError('FORBIDDEN', 'not yours'), 7);
  expect(watch.connection.get().kind).toBe('up');
  watch.failed(new AppError('DEADLINE_EXCEEDED', 'no answer in time'), 1);
  expect(watch.connection.get().kind).toBe('down');
});

it('does not trouble people with what the next attempt may mend', () => {
  expect(isWorthTelling(REFUSED, 1)).toBe(false);
  expect(isWorthTelling(REFUSED, 2)).toBe(true);
  expect(isWorthTelling(new AppError('FORBIDDEN', 'not yours'), 1)).toBe(true);
});
