import { expect, it } from 'vitest';
import { BLOCKS_IN_FLIGHT_MAX, createCredits } from './credits.ts';

it('never lets one kind take the other’s share', () => {
  const credits = createCredits(100);
  credits.take('backlog', 75);
  expect(credits.allows('backlog', 1)).toBe(false);
  expect(credits.allows('live', 25)).toBe(true);
  expect(credits.allows('live', 26)).toBe(false);
});

it('grows and shrinks with what the cloud gives back', () => {
  const credits = createCredits(100);
  credits.take('live', 60);
  credits.settle('live', 60);
  credits.grant(20);
  credits.take('backlog', 10);
  expect(credits.allows('live', 51)).toBe(false);
  credits.grant(200);
  expect(credits.allows('live', 150)).toBe(true);
  expect(credits.allows('live', 251)).toBe(false);
});

it('waits for credits that a settled block has not given back yet', () => {
  const credits = createCredits(100);
  credits.take('live', 60);
  credits.take('backlog', 40);
  credits.settle('live', 60);
  expect(credits.allows('live', 10)).toBe(false);
});

it('lets only so many blocks of a kind be in flight, however small they are', () => {
  const credits = createCredits(1_000_000);
  for (let block = 0; block < BLOCKS_IN_FLIGHT_MAX; block++) credits.take('backlog', 1);
  expect(credits.allows('backlog', 1)).toBe(false);
  expect(credits.allows('live', 1)).toBe(true);
});

it('always lets one block go, however small the credits are', () => {
  const credits = createCredits(10);
  expect(credits.allows('backlog', 500)).toBe(true);
  credits.take('backlog', 500);
  expect(credits.allows('live', 1)).toBe(false);
});
