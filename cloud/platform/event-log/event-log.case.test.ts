import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  eventually,
  joinGroup,
  KEYS,
  LOG_ADAPTERS,
  LogBench,
  PARTITIONS,
  readAll,
  record,
  TOPIC,
  textOf,
} from './event-log.case.adapters.ts';
import type { LogReport } from './event-log.case.child.ts';
import { EVENT_BYTES_MAX } from './event-log.ts';

// The cases of what is written and kept; those of groups are in event-log.groups.case.test.ts.
for (const adapter of LOG_ADAPTERS) {
  describe(`event log on ${adapter.name}: append`, () => appendCases(new LogBench(adapter)));
  describe(`event log on ${adapter.name}: offsets`, () => offsetCases(new LogBench(adapter)));
  describe(`event log on ${adapter.name}: watch`, () => watchCases(new LogBench(adapter)));
  describe(`event log on ${adapter.name}: keys`, () => keyCases(new LogBench(adapter)));
  describe(`event log on ${adapter.name}: kept`, () => keptCases(new LogBench(adapter)));
  describe(`event log on ${adapter.name}: close`, () => closeCases(new LogBench(adapter)));
}

function appendCases(bench: LogBench): void {
  it('returns the offsets in the order given, and the records as they were', async () => {
    const log = await bench.open();
    const records = KEYS.map((key, i) => ({
      key,
      headers: { ce_id: `é${i}`, 'content-type': 'application/protobuf' },
      value: Buffer.from([i, 0, 255]),
    }));
    const positions = await log.append(TOPIC, records);
    expect(positions).toHaveLength(records.length);
    for (const [i, { partition, offset }] of positions.entries()) {
      const [event] = await log.read(TOPIC, partition, offset, 1);
      expect(event).toMatchObject({ ...records[i], topic: TOPIC, partition, offset });
    }
    expect(await log.append(TOPIC, [])).toEqual([]);
  });

  it('keeps every acknowledged record when the process is killed in mid-append', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const child = bench.start({ append: { keys: KEYS.map((key) => `${round}/${key}`) } });
      child.on('message', ({ appended = [] }: LogReport) => {
        acknowledged.push(...appended);
        if (acknowledged.length > 400 * (round + 1)) child.kill('SIGKILL');
      });
      await once(child, 'close');
      const stored = new Set(await readAll(await bench.open()));
      expect(acknowledged.filter((text) => !stored.has(text))).toEqual([]);
    }
  });

  it('stores an append that is repeated a second time', async () => {
    const log = await bench.open();
    await log.append(TOPIC, [record('a', 'same')]);
    await log.append(TOPIC, [record('a', 'same')]);
    expect(await readAll(log)).toEqual(['same', 'same']);
  });

  it('takes an event of 900 KB and refuses a larger one with the whole call', async () => {
    const log = await bench.open();
    const value = Buffer.alloc(EVENT_BYTES_MAX - Buffer.byteLength('a' + 'ce_id' + 'ü'));
    await log.append(TOPIC, [{ key: 'a', headers: { ce_id: 'ü' }, value }]);
    const larger = { key: 'a', headers: { ce_id: 'üü' }, value };
    await expect(log.append(TOPIC, [record('a', 'small'), larger])).rejects.toMatchObject({
      code: 'EVENT_TOO_LARGE',
    });
    expect(await readAll(log)).toHaveLength(1);
  });
}

function offsetCases(bench: LogBench): void {
  it('grow within a partition, also after a restart', async () => {
    const offsets = PARTITIONS.map((): bigint[] => []);
    for (let run = 0; run < 3; run++) {
      const log = await bench.open();
      const records = KEYS.map((key) => record(key));
      for (const { partition, offset } of await log.append(TOPIC, records)) {
        offsets[partition]!.push(offset);
      }
      await log.close();
    }
    for (const list of offsets) {
      expect(list.length).toBeGreaterThan(3);
      expect(list.every((offset, i) => i === 0 || offset > list[i - 1]!)).toBe(true);
    }
  });

  it('tell the end of a partition, and can be read from anywhere up to it', async () => {
    const log = await bench.open();
    const partition = log.partitionOf(TOPIC, 'a');
    const start = await log.endOffset(TOPIC, partition);
    expect(await log.read(TOPIC, partition, start, 10)).toEqual([]);
    const records = ['0', '1', '2'].map((text) => record('a', text));
    const offsets = (await log.append(TOPIC, records)).map(({ offset }) => offset);
    const end = await log.endOffset(TOPIC, partition);
    expect(end).toBe(offsets[2]! + 1n);
    expect((await log.read(TOPIC, partition, 0n, 2)).map(textOf)).toEqual(['0', '1']);
    expect((await log.read(TOPIC, partition, offsets[1]!, 10)).map(textOf)).toEqual(['1', '2']);
    expect(await log.read(TOPIC, partition, end, 10)).toEqual([]);
  });

  it('are seen by another process that has the log open', async () => {
    const log = await bench.open();
    const child = bench.start({ append: { keys: KEYS } });
    await eventually(async () => expect((await readAll(log)).length).toBeGreaterThan(200));
    child.kill();
  });
}

function watchCases(bench: LogBench): void {
  it('tells of what this process appends, and of what another one does', async () => {
    const log = await bench.open();
    const told = new Set<number>();
    const unwatch = log.watch(TOPIC, (ends) => {
      for (const each of ends?.keys() ?? PARTITIONS) told.add(each);
    });
    await log.append(TOPIC, [record('a', 'here')]);
    expect(told).toContain(log.partitionOf(TOPIC, 'a'));
    told.clear();
    const child = bench.start({ append: { keys: KEYS } });
    await eventually(async () => expect(told.size).toBe(PARTITIONS.length));
    child.kill();
    await once(child, 'exit');
    unwatch();
    told.clear();
    await log.append(TOPIC, [record('a', 'unheard')]);
    expect(told.size).toBe(0);
  });

  it('tells each who watches, until that one ends', async () => {
    const log = await bench.open();
    const told: string[] = [];
    const twice = (): void => void told.push('twice');
    const [first, second] = [log.watch(TOPIC, twice), log.watch(TOPIC, twice)];
    first();
    await log.append(TOPIC, [record('a')]);
    expect(told.length).toBeGreaterThan(0);
    second();
    told.length = 0;
    await log.append(TOPIC, [record('a')]);
    expect(told).toEqual([]);
  });

  it('goes on when one who watches throws: the append resolves, and others are told', async () => {
    const log = await bench.open();
    log.watch(TOPIC, () => {
      throw new Error('a watcher that fails');
    });
    let told = 0;
    log.watch(TOPIC, () => told++);
    await log.append(TOPIC, [record('a', 'first')]);
    await log.append(TOPIC, [record('a', 'second')]);
    expect(told).toBeGreaterThanOrEqual(2);
    expect(await readAll(log)).toEqual(['first', 'second']);
  });

  it('tells nothing of the log once that is closed, and looks at its files no more', async () => {
    const log = await bench.open();
    let told = 0;
    log.watch(TOPIC, () => told++);
    await log.close();
    const before = told;
    const other = await bench.open();
    const seen = Promise.withResolvers<void>();
    other.watch(TOPIC, () => seen.resolve());
    const child = bench.start({ append: { keys: KEYS } });
    // By then the closed one would have been told, too.
    await seen.promise;
    await eventually(async () => expect((await readAll(other)).length).toBeGreaterThan(200));
    child.kill();
    await once(child, 'exit');
    expect(told).toBe(before);
  });
}

function keyCases(bench: LogBench): void {
  it('keep their partition', async () => {
    const before = await bench.open();
    const kept = KEYS.map((key) => before.partitionOf(TOPIC, key));
    const records = KEYS.map((key) => record(key));
    const positions = await before.append(TOPIC, records);
    expect(positions.map(({ partition }) => partition)).toEqual(kept);
    const after = await bench.open();
    expect(KEYS.map((key) => after.partitionOf(TOPIC, key))).toEqual(kept);
    expect([...new Set(kept)].toSorted()).toEqual(PARTITIONS);
  });

  it('keep the order of their records under appends at the same time', async () => {
    const log = await bench.open();
    const keys = KEYS.slice(0, 10);
    const calls: Promise<unknown>[] = [];
    for (let number = 0; number < 100; number += 2) {
      for (const key of keys) {
        const two = [number, number + 1].map((each) => record(key, `${key} ${each}`));
        calls.push(log.append(TOPIC, two));
      }
      if (number % 7 === 0) await calls.at(-1);
    }
    await Promise.all(calls);
    const texts = await readAll(log);
    for (const key of keys) {
      const mine = texts.filter((text) => text.startsWith(`${key} `));
      expect(mine).toEqual(Array.from({ length: 100 }, (_, number) => `${key} ${number}`));
    }
  });

  it('keep the order of their records when another process appends too', async () => {
    const log = await bench.open();
    const child = bench.start({ append: { keys: KEYS } });
    await once(child, 'message');
    for (let number = 0; number < 50; number++) {
      await log.append(TOPIC, [record('mine', `mine ${number}`)]);
    }
    child.kill('SIGKILL');
    const numbers = new Map<string, number>();
    for (const text of await readAll(log)) {
      const [key, number] = text.split(' ') as [string, string];
      expect(Number(number)).toBe((numbers.get(key) ?? -1) + 1);
      numbers.set(key, Number(number));
    }
    expect(numbers.get('mine')).toBe(49);
  });
}

function keptCases(bench: LogBench): void {
  it('of a compacted topic is the last event of each key', async () => {
    const log = await bench.open({ compacted: TOPIC });
    for (let number = 0; number < 20; number++) {
      const records = KEYS.map((key) => record(key, `${key} ${number}`));
      await log.append(TOPIC, records);
    }
    const last = KEYS.map((key) => `${key} 19`);
    await eventually(async () => expect((await readAll(log)).length).toBeLessThan(100));
    expect(await readAll(log)).toEqual(expect.arrayContaining(last));
    await log.close();
    expect(await readAll(await bench.open())).toEqual(expect.arrayContaining(last));
  });

  it('is where a new group begins', async () => {
    const log = await bench.open();
    const early = KEYS.map((key) => record(key, `early ${key}`));
    await log.append(TOPIC, early);
    const first = await joinGroup(log, { group: 'first' });
    await eventually(() => expect(first.texts()).toHaveLength(KEYS.length));
    const late = await joinGroup(log, { group: 'late' });
    await eventually(() => expect(late.texts().toSorted()).toEqual(first.texts().toSorted()));
  });
}

function closeCases(bench: LogBench): void {
  it('makes every call throw UNAVAILABLE', async () => {
    const log = await bench.open();
    await log.close();
    await log.close();
    const closed = { code: 'UNAVAILABLE' };
    await expect(log.append(TOPIC, [record('a')])).rejects.toMatchObject(closed);
    await expect(joinGroup(log, { group: 'g' })).rejects.toMatchObject(closed);
    await expect(log.read(TOPIC, 0, 0n, 1)).rejects.toMatchObject(closed);
    await expect(log.endOffset(TOPIC, 0)).rejects.toMatchObject(closed);
    expect(() => log.partitionOf(TOPIC, 'a')).toThrow(expect.objectContaining(closed));
  });

  it('stores what was appended before it', async () => {
    const log = await bench.open();
    const appended = log.append(TOPIC, [record('a', 'in time')]);
    await log.close();
    expect(await appended).toHaveLength(1);
    expect(await readAll(await bench.open())).toEqual(['in time']);
  });

  it('waits for the running handler and commits its batch', async () => {
    const log = await bench.open();
    await log.append(TOPIC, [record('a')]);
    const gate = Promise.withResolvers<void>();
    const member = await joinGroup(log, { group: 'g', handle: () => gate.promise });
    await eventually(() => expect(member.batches).toHaveLength(1));
    let closed = false;
    const closing = log.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    gate.resolve();
    await closing;
    const next = await bench.open();
    const after = await joinGroup(next, { group: 'g' });
    await next.append(TOPIC, [record('a', 'new')]);
    await eventually(() => expect(after.texts()).toEqual(['new']));
  });

  it('does not wait for ever: the batch of a handler that hangs comes again', async () => {
    const log = await bench.open();
    await log.append(TOPIC, [record('a')]);
    const hanging = await joinGroup(log, { group: 'g', handle: () => new Promise(() => {}) });
    await eventually(() => expect(hanging.batches).toHaveLength(1));
    await log.close();
    const member = await joinGroup(await bench.open(), { group: 'g' });
    await eventually(() => expect(member.texts()).toEqual(['a']));
  });
}
