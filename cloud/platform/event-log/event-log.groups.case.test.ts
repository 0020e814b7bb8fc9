import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  eventually,
  joinGroup,
  KEYS,
  LOG_ADAPTERS,
  LogBench,
  type Member,
  PARTITIONS,
  record,
  TOPIC,
  textOf,
} from './event-log.case.adapters.ts';
import type { BatchReport, LogReport } from './event-log.case.child.ts';
import type { EventLog, LogBatch } from './event-log.ts';

for (const adapter of LOG_ADAPTERS) {
  describe(`event log on ${adapter.name}: delivery`, () => deliveryCases(new LogBench(adapter)));
  describe(`event log on ${adapter.name}: a failure`, () => failureCases(new LogBench(adapter)));
  describe(`event log on ${adapter.name}: members`, () => memberCases(new LogBench(adapter)));
  describe(`event log on ${adapter.name}: processes`, () => processCases(new LogBench(adapter)));
}

function deliveryCases(bench: LogBench): void {
  it('brings the events of each partition in the order of their offsets', async () => {
    const log = await bench.open();
    await appendNumbered(log, 0, 30);
    const member = await joinGroup(log, { group: 'g', batchMax: 7 });
    await appendNumbered(log, 30, 60);
    await eventually(() => expect(member.texts()).toHaveLength(60 * KEYS.length));
    for (const partition of PARTITIONS) {
      const events = member.batches
        .filter((batch) => batch.partition === partition)
        .flatMap((batch) => batch.events);
      expect(events.every((event) => event.partition === partition)).toBe(true);
      expect(events.every(({ offset }, i) => i === 0 || offset > events[i - 1]!.offset)).toBe(true);
    }
    for (const key of KEYS) expect(numbersOf(member.texts(), key)).toEqual(upTo(60));
  });

  it('keeps a batch within batchMax and 4 MB', async () => {
    const log = await bench.open();
    const value = Buffer.alloc(800 * 1024);
    for (let i = 0; i < 12; i++) await log.append(TOPIC, [{ key: 'a', headers: {}, value }]);
    const member = await joinGroup(log, { group: 'g', batchMax: 7 });
    await eventually(() => expect(member.texts()).toHaveLength(12));
    for (const { events } of member.batches) expect(events.length).toBeLessThanOrEqual(5);
    const counting = await joinGroup(log, { group: 'h', batchMax: 2 });
    await eventually(() => expect(counting.texts()).toHaveLength(12));
    for (const { events } of counting.batches) expect(events.length).toBeLessThanOrEqual(2);
  });

  it('gives each group every event, and takes one batch of a partition at a time', async () => {
    const log = await bench.open();
    let running = 0;
    let most = 0;
    const handle = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    const one = await joinGroup(log, { group: 'one', batchMax: 3, handle });
    const two = await joinGroup(log, { group: 'two' });
    for (let i = 0; i < 30; i++) await log.append(TOPIC, [record('a', `${i}`)]);
    const all = Array.from({ length: 30 }, (_, i) => `${i}`);
    await eventually(() => expect([one.texts(), two.texts()]).toEqual([all, all]));
    expect(most).toBe(1);
  });

  it('goes on behind the last committed batch after a stop', async () => {
    const log = await bench.open();
    await appendNumbered(log, 0, 5);
    const before = await joinGroup(log, { group: 'g' });
    await eventually(() => expect(before.texts()).toHaveLength(5 * KEYS.length));
    await before.stop();
    await appendNumbered(log, 5, 10);
    expect(before.texts()).toHaveLength(5 * KEYS.length);
    const after = await joinGroup(log, { group: 'g' });
    await eventually(() => expect(after.texts()).toHaveLength(5 * KEYS.length));
    expect(numbersOf(after.texts(), KEYS[0]!)).toEqual([5, 6, 7, 8, 9]);
  });
}

function failureCases(bench: LogBench): void {
  it('brings the same events again, after telling onError', async () => {
    const log = await bench.open();
    await log.append(TOPIC, [record('a', '0'), record('a', '1')]);
    const errors: unknown[] = [];
    const member = await joinGroup(log, {
      group: 'g',
      handle: async () => {
        if (errors.length < 2) throw new Error(`failure ${errors.length}`);
      },
      onError: (error, batch) => errors.push([String(error), batch.events.map(textOf)]),
    });
    await eventually(() => expect(member.batches).toHaveLength(3));
    expect(errors).toEqual([
      ['Error: failure 0', ['0', '1']],
      ['Error: failure 1', ['0', '1']],
    ]);
    expect(member.texts()).toEqual(['0', '1', '0', '1', '0', '1']);
  });

  it('does not hold the other partitions up', async () => {
    const log = await bench.open();
    const bad = log.partitionOf(TOPIC, KEYS[0]!);
    const others = KEYS.filter((key) => log.partitionOf(TOPIC, key) !== bad);
    const handled: string[] = [];
    await joinGroup(log, {
      group: 'g',
      handle: async ({ partition, events }) => {
        if (partition === bad) throw new Error('bad partition');
        handled.push(...events.map(textOf));
      },
      onError: () => {},
    });
    for (let number = 0; number < 10; number++) await appendNumbered(log, number, number + 1);
    await eventually(() => expect(handled).toHaveLength(10 * others.length));
  });

  it('is not committed: the events come again to who takes the partition next', async () => {
    const log = await bench.open();
    await log.append(TOPIC, [record('a', 'hard')]);
    const failing = await joinGroup(log, {
      group: 'g',
      handle: () => Promise.reject(new Error('cannot')),
      onError: () => {},
    });
    await eventually(() => expect(failing.batches).not.toHaveLength(0));
    await failing.stop();
    const member = await joinGroup(log, { group: 'g' });
    await eventually(() => expect(member.texts()).toEqual(['hard']));
  });
}

function memberCases(bench: LogBench): void {
  it('share the partitions fairly, each with one member, when one joins or leaves', async () => {
    const [log, other] = [await bench.open(), await bench.open()];
    const first = await joinGroup(log, { group: 'g' });
    const half = PARTITIONS.length / 2;
    const second = await joinGroup(other, { group: 'g' });
    await eventually(async () => {
      const [mine, its] = await whoHolds(log, [first, second]);
      expect([mine!.length, its!.length]).toEqual([half, half]);
      expect([...mine!, ...its!].toSorted()).toEqual(PARTITIONS);
    });
    await second.stop();
    await eventually(async () => {
      expect(await whoHolds(log, [first, second])).toEqual([PARTITIONS, []]);
    });
  });

  it('give a partition up only after the batch in hand, and lose nothing', async () => {
    const [log, other] = [await bench.open(), await bench.open()];
    const gate = Promise.withResolvers<void>();
    await appendNumbered(log, 0, 1);
    const first = await joinGroup(log, { group: 'g', handle: () => gate.promise });
    await eventually(() => expect(first.partitions()).toEqual(PARTITIONS));
    const second = await joinGroup(other, { group: 'g' });
    await appendNumbered(log, 1, 2);
    expect(second.batches).toEqual([]);
    gate.resolve();
    let end = 2;
    await eventually(async () => {
      await appendNumbered(log, end, ++end);
      expect(second.partitions()).toHaveLength(PARTITIONS.length / 2);
    });
    await eventually(() => {
      const all = [...first.texts(), ...second.texts()];
      for (const key of KEYS) expect(new Set(numbersOf(all, key))).toEqual(new Set(upTo(end)));
    });
  });

  it('see an epoch that grows each time a partition changes hands', async () => {
    const [log, other] = [await bench.open(), await bench.open()];
    const epochs: bigint[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const member = await joinGroup(turn % 2 === 0 ? log : other, { group: 'g' });
      await log.append(TOPIC, [record('a', `${turn}`)]);
      await eventually(() => expect(member.texts()).toEqual([`${turn}`]));
      epochs.push(member.batches[0]!.leaseEpoch);
      await member.stop();
    }
    expect(epochs.every((epoch, i) => i === 0 || epoch > epochs[i - 1]!)).toBe(true);
  });
}

function processCases(bench: LogBench): void {
  it('take over the partitions of one that is killed in mid-batch, and lose nothing', async () => {
    const log = await bench.open();
    await appendNumbered(log, 0, 3);
    const child = bench.start({ consume: { group: 'g', hang: true } });
    const inHand: BatchReport[] = [];
    child.on('message', ({ handling }: LogReport) => {
      if (handling) inHand.push(handling);
    });
    await eventually(() => expect(inHand).toHaveLength(PARTITIONS.length));
    const member = await joinGroup(log, { group: 'g' });
    await appendNumbered(log, 3, 6);
    expect(member.batches).toEqual([]);
    child.kill('SIGKILL');
    await eventually(() => expect(member.partitions()).toEqual(PARTITIONS));
    await eventually(() => expect(member.texts()).toHaveLength(6 * KEYS.length));
    for (const key of KEYS) expect(numbersOf(member.texts(), key)).toEqual(upTo(6));
    const epochs = new Map(inHand.map(({ partition, epoch }) => [partition, BigInt(epoch)]));
    for (const { partition, leaseEpoch } of member.batches) {
      expect(leaseEpoch).toBeGreaterThan(epochs.get(partition)!);
    }
  });

  it('lose nothing and keep the order when consumers are killed again and again', async () => {
    const log = await bench.open();
    const producer = bench.start({ append: { keys: KEYS } });
    const produced: string[] = [];
    producer.on('message', ({ appended = [] }: LogReport) => produced.push(...appended));
    const member = await joinGroup(log, { group: 'g' });
    const theirs: string[] = [];
    for (let round = 0; round < 3; round++) {
      const child = bench.start({ consume: { group: 'g' } });
      const handled: string[] = [];
      child.on('message', (report: LogReport) => {
        handled.push(...(report.handled?.texts ?? []));
        if (handled.length > 200) child.kill('SIGKILL');
      });
      await once(child, 'close');
      theirs.push(...handled);
    }
    producer.kill('SIGKILL');
    await once(producer, 'exit');
    await eventually(() => {
      const seen = new Set([...member.texts(), ...theirs]);
      expect(produced.filter((text) => !seen.has(text))).toEqual([]);
    });
    // First deliveries to one member are in order: what comes again was there before.
    for (const key of KEYS) {
      const firsts = [...new Set(numbersOf(member.texts(), key))];
      expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
    }
  });
}

/** Every key gets the numbers from `first` to `end - 1`. */
async function appendNumbered(log: EventLog, first: number, end: number): Promise<void> {
  for (let number = first; number < end; number++) {
    const records = KEYS.map((key) => record(key, `${key} ${number}`));
    await log.append(TOPIC, records);
  }
}

function numbersOf(texts: readonly string[], key: string): number[] {
  return texts.flatMap((text) => (text.startsWith(`${key} `) ? [Number(text.split(' ')[1])] : []));
}

function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, number) => number);
}

/** The partitions on which each member gets the next event. */
async function whoHolds(log: EventLog, members: readonly Member[]): Promise<number[][]> {
  const seen = members.map(({ batches }) => batches.length);
  const newOf = (): LogBatch[][] => members.map(({ batches }, i) => batches.slice(seen[i]));
  await appendNumbered(log, 0, 1);
  await eventually(() => {
    const events = newOf().flatMap((batches) => batches.flatMap((batch) => batch.events));
    expect(events.length).toBeGreaterThanOrEqual(KEYS.length);
  });
  return newOf().map((batches) =>
    [...new Set(batches.map(({ partition }) => partition))].toSorted((a, b) => a - b),
  );
}
