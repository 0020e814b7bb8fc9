import { expect, it } from 'vitest';
import { releaseBytes } from './release-bytes.ts';

it('gives back what is whole, once, and leaves a part of a larger buffer alone', () => {
  const whole = new Uint8Array(1_000);
  releaseBytes(whole);
  expect(whole.byteLength).toBe(0);
  expect(() => releaseBytes(whole)).not.toThrow();
  const larger = new Uint8Array([1, 2, 3]);
  releaseBytes(larger.subarray(1));
  expect([...larger]).toEqual([1, 2, 3]);
});
