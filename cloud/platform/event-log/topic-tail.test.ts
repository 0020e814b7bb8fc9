import { describe, expect, it } from 'vitest';
import type { LogPosition, LogRecord } from './event-log.ts';
import { TAIL_BYTES_MAX, TopicTail } from './topic-tail.ts';

const at = (offset: number, partition = 0): LogPosition => ({ partition, offset: BigInt(offset) });
const record = (key: string, bytes = 8): LogRecord => ({
  key,
  headers: { ce_id: key },
  value: new Uint8Array(bytes),
});
const keysIn = (tail: TopicTail, from: number, { partition = 0, limit = 100 } = {}): string[] =>
  tail.read(partition, BigInt(from), limit).map(({ key }) => key);

describe('the tail of a topic', () => {
  it('gives the events of a partition from an offset on, as many as are asked for', () => {
    const tail = new TopicTail('orders');
    tail.add([at(5), at(6, 1), at(7)], [record('a'), record('b'), record('c')]);
    tail.add([at(8)], [record('d')]);
    expect(keysIn(tail, 5)).toEqual(['a', 'c', 'd']);
    expect(keysIn(tail, 6)).toEqual(['c', 'd']);
    expect(keysIn(tail, 5, { limit: 2 })).toEqual(['a', 'c']);
    expect(keysIn(tail, 5, { partition: 1 })).toEqual(['b']);
    expect(tail.read(1, 6n, 1)).toEqual([{ topic: 'orders', ...at(6, 1), ...record('b') }]);
    expect(keysIn(tail, 9)).toEqual([]);
  });

  it('leaves to the file what lies before it: there may be events that it never had', () => {
    const tail = new TopicTail('orders');
    expect(keysIn(tail, 0)).toEqual([]);
    tail.add([at(5)], [record('a')]);
    expect(keysIn(tail, 4)).toEqual([]);
  });

  it('begins anew behind the events of another process', () => {
    const tail = new TopicTail('orders');
    tail.add([at(5)], [record('a')]);
    tail.add([at(7)], [record('c')]);
    expect(keysIn(tail, 5)).toEqual([]);
    expect(keysIn(tail, 7)).toEqual(['c']);
  });

  it('is bounded by the memory that its values hold on to, and keeps the newest', () => {
    const tail = new TopicTail('orders');
    const frame = new Uint8Array(TAIL_BYTES_MAX / 4);
    for (let offset = 1; offset <= 9; offset++) {
      const value = new Uint8Array(frame.slice().buffer, 0, 10);
      tail.add([at(offset)], [{ ...record(`${offset}`), value }]);
    }
    expect(keysIn(tail, 1)).toEqual([]);
    expect(keysIn(tail, 9)).toEqual(['9']);
    const kept = [1, 2, 3, 4, 5, 6, 7, 8, 9].find((offset) => keysIn(tail, offset).length > 0)!;
    expect(9 - kept + 1).toBeLessThanOrEqual(4);
    tail.add([at(10)], [record('larger', 2 * TAIL_BYTES_MAX)]);
    expect(keysIn(tail, 9)).toEqual([]);
    tail.add([at(11)], [record('next')]);
    expect(keysIn(tail, 11)).toEqual(['next']);
  });
});
