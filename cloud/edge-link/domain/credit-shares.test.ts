import { expect, it } from 'vitest';
import { CreditShares, STREAM_CREDIT_BYTES_MIN } from './credit-shares.ts';

const KIB = 1024;
const options = { totalBytes: 1024 * KIB, streamBytesMax: 512 * KIB };

it('gives a stream all that one may have while there are few', () => {
  const shares = new CreditShares(options);
  expect(shares.share().open()).toBe(512 * KIB);
  expect(shares.grantedBytes).toBe(512 * KIB);
});

it('takes from the streams that were there when others come, and gives it back', () => {
  const shares = new CreditShares(options);
  const first = shares.share();
  first.open();
  const others = Array.from({ length: 7 }, () => shares.share());
  for (const other of others) other.open();
  // Its part is 128 KiB now: what it uses of the 384 KiB beyond does not come back.
  expect(first.giveBack(100 * KIB)).toBe(0);
  expect(first.giveBack(300 * KIB)).toBe(16 * KIB);
  for (const other of others.slice(0, 6)) other.close();
  expect(first.giveBack(10 * KIB)).toBe(10 * KIB + 384 * KIB);
});

it('stays within the total and a small part for each, however many there are', () => {
  const shares = new CreditShares(options);
  const streams = Array.from({ length: 100 }, () => shares.share());
  for (const stream of streams) stream.open();
  for (let round = 0; round < 10; round++) for (const one of streams) one.giveBack(64 * KIB);
  expect(shares.grantedBytes).toBeLessThanOrEqual(100 * STREAM_CREDIT_BYTES_MIN);
  for (const stream of streams) stream.close();
  expect(shares.grantedBytes).toBe(0);
});

it('gives nothing for an answer that comes after the end', () => {
  const share = new CreditShares(options).share();
  share.open();
  share.close();
  expect(share.giveBack(KIB)).toBe(0);
});
