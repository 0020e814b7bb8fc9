import fc from 'fast-check';
import { expect, it } from 'vitest';
import { drawSeed, seedOf } from './seed.ts';

it('takes a seed back from the environment', () => {
  expect(seedOf({ HOLDFAST_SEED: '42' })).toBe(42);
  expect(seedOf({})).toBeUndefined();
});

it('names the variable when the seed is not an integer', () => {
  expect(() => seedOf({ HOLDFAST_SEED: 'abc' })).toThrow(/HOLDFAST_SEED is "abc"/);
});

it('draws seeds that it would take back', () => {
  const seed = drawSeed();
  expect(seedOf({ HOLDFAST_SEED: String(seed) })).toBe(seed);
});

it('gives the run’s seed to every property', () => {
  expect(fc.readConfigureGlobal().seed).toBe(seedOf(process.env));
});
