import { expect, it } from 'vitest';
import { BLOCKS_IN_FLIGHT_MAX, createCredits } from './credits.ts';

it('never lets one kind take the other’s share', () => {
  const credits = createCredits(100);
  credits.take('backlog', 75);
  expect(credits.allows('backlog', 1)).toBe(false);
  expect(credits.allows('live', 25)).toBe(true);
  expect(credits.allows('live', 26)).toBe(false);
});

it('takes back what the cloud gives back, and no more than it granted', () => {
  const credits = createCredits(100);
  credits.take('live', 40);
  credits.settle('live', 40);
  credits.grant(1_000);
  credits.take('backlog', 60);
  expect(credits.allows('live', 41)).toBe(false);
  expect(credits.allows('live', 40)).toBe(true);
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
