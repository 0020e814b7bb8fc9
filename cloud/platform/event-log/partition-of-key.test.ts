import { expect, it } from 'vitest';
import { murmur2, partitionOfKey } from './partition-of-key.ts';

it('agrees with the hashes that Kafka asserts in its own tests', () => {
  const hashes: Record<string, number> = {
    '21': -973932308,
    foobar: -790332482,
    'a-little-bit-long-string': -985981536,
    'a-little-bit-longer-string': -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  };
  for (const [key, hash] of Object.entries(hashes)) expect(murmur2(Buffer.from(key))).toBe(hash);
});

it('spreads keys over all partitions and keeps each on one', () => {
  const used = new Set<number>();
  for (let i = 0; i < 1000; i++) {
    const partition = partitionOfKey(`gw_${i}/telemetry`, 8);
    expect(partitionOfKey(`gw_${i}/telemetry`, 8)).toBe(partition);
    used.add(partition);
  }
  expect([...used].toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
