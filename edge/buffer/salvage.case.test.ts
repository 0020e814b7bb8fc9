import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyed, message, payloads, type World, world } from './buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from './buffer.ts';
import { bufferOnDisk } from './buffer-reader.sqlite.ts';
import { verifyBuffer } from './inspection/verification.ts';

let place: World;
let buffer: GatewayBuffer | undefined;
beforeEach(() => {
  place = world();
});
afterEach(async () => {
  await buffer?.close();
  place.remove();
});

const COUNT = 60;
const upTo = (last: number) => ({ contiguous: BigInt(last), ranges: [] });
const texts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `${from + at}`);

/**
 * Sixty messages, one group each: 1–10 delivered, 11–30 in blocks, the others unsealed. Left as
 * after a kill, or as after a stop.
 */
async function fill({ killed }: { killed: boolean }): Promise<string> {
  const first = place.open();
  for (let at = 1; at <= COUNT; at++) {
    await first.append(keyed(at, { payload: Buffer.from(`${at}`) }));
    if (at % 10 === 0 && at <= 30) await first.seal('telemetry');
  }
  await first.holdTurn(Buffer.alloc(16, 7));
  await first.acknowledge(first.incarnation, 'telemetry', upTo(10));
  const { incarnation } = first;
  const suffixes = ['', '-wal', '.mark'].filter((suffix) => existsSync(place.file + suffix));
  for (const suffix of suffixes) copyFileSync(place.file + suffix, `${place.file}${suffix}.copy`);
  await first.close();
  if (killed)
    for (const suffix of suffixes) copyFileSync(`${place.file}${suffix}.copy`, place.file + suffix);
  for (const suffix of suffixes) rmSync(`${place.file}${suffix}.copy`);
  return incarnation;
}

function open(options: Parameters<World['open']>[0] = {}): GatewayBuffer {
  buffer = place.open(options);
  return buffer;
}

function telemetry(of: GatewayBuffer) {
  return of.ledger(new Map()).find(({ lane }) => lane === 'telemetry')!;
}

/** Everything that would travel, of whatever incarnation, oldest first. */
async function pendingTexts(of: GatewayBuffer): Promise<string[]> {
  await of.seal('telemetry');
  const incarnations = [...new Set(of.positions().map(({ incarnation }) => incarnation))].sort();
  const heads = incarnations.flatMap((one) => of.sealed(one, 'telemetry', 1n, 1_000));
  return payloads(of, heads);
}

function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.byteLength, at);
  closeSync(handle);
}

const PAGE_BYTES = 1024;

/** The pages of a table, by its name; `kind` tells inner pages of the tree from leaves. */
function pagesOf(table: string, kind: 'leaf' | 'internal' = 'leaf'): number[] {
  const database = new Sqlite(place.file, { readonly: true });
  const pages = database
    .prepare('select pageno from dbstat where name = ? and pagetype = ? order by path')
    .pluck()
    .all(table, kind) as number[];
  database.close();
  return pages;
}

function destroyPage(page: number): void {
  overwrite(place.file, (page - 1) * PAGE_BYTES, Buffer.alloc(PAGE_BYTES, 0xa5));
}

const untilWell = async (condition: () => boolean): Promise<void> => {
  const { clock } = testRuntime();
  const giveUpAt = clock.monotonicMs() + 10_000;
  while (!condition()) {
    if (clock.monotonicMs() > giveUpAt) throw new Error('the buffer did not get well');
    await clock.sleep(5);
  }
};

describe('a damaged file', () => {
  it('without its header gives back every message, its positions and its windows', async () => {
    await fill({ killed: false });
    destroyPage(1);
    const after = open();
    expect(telemetry(after)).toMatchObject({
      accepted: 60,
      delivered: 10,
      damaged: 0,
      pending: 50,
    });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
    expect(await after.append(keyed(60))).toEqual({ kind: 'duplicate' });
    expect(readdirSync(place.folder).some((name) => /\.damaged-\d+$/.test(name))).toBe(true);
  });

  it.each([
    ['name text primary key', 'nbme text primary key'],
    ['head_checksum integer', 'head_checksul integer'],
    ['last integer not null,\n    kind', 'last integer not nulm,\n    kind'],
    ['reason text', 'season text'],
  ])('whose tables say %j as %j gives back every message', async (is, becomes) => {
    await fill({ killed: false });
    const bytes = readFileSync(place.file);
    // Pages that were split keep an old copy of what moved.
    for (let at = bytes.indexOf(is); at >= 0; at = bytes.indexOf(is, at + 1))
      overwrite(place.file, at, Buffer.from(becomes));
    const after = open();
    expect(bufferOnDisk(place.file).quarantined()).toHaveLength(1);
    expect(telemetry(after)).toMatchObject({ accepted: 60, damaged: 0, pending: 50 });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });

  it('goes on under its incarnation when its positions are whole', async () => {
    const before = await fill({ killed: false });
    destroyPage(1);
    const after = open();
    expect(after.incarnation).toBe(before);
    expect(Buffer.from(after.turn)).toEqual(Buffer.alloc(16, 7));
    expect(await after.append(message())).toEqual({ kind: 'stored', sequence: 61n });
  });

  it('begins a new incarnation when they are not, and still knows what was delivered', async () => {
    const before = await fill({ killed: false });
    destroyPage(1);
    for (const page of pagesOfBefore('streams')) destroyPage(page);
    const after = open();
    expect(after.incarnation).not.toBe(before);
    expect(await after.append(message())).toEqual({ kind: 'stored', sequence: 1n });
    expect(telemetry(after)).toMatchObject({ accepted: 61, delivered: 10, damaged: 0 });
  });

  it('settles what is gone as damaged, for ever, and brings the rest', async () => {
    await fill({ killed: false });
    const [leaf] = pagesOf('groups').slice(-1);
    destroyPage(leaf!);
    const after = open();
    await untilWell(() => telemetry(after).damaged > 0);
    const { damaged, pending } = telemetry(after);
    expect(damaged + pending).toBe(50);
    const found = await pendingTexts(after);
    expect(found).toHaveLength(pending);
    expect(texts(11, 60)).toEqual(expect.arrayContaining(found));
    await after.close();
    expect(telemetry(open())).toMatchObject({ accepted: 60, damaged, pending });
  });

  it.each(['killed', 'stopped'])('that is cut off keeps the rest (%s)', async (how) => {
    await fill({ killed: how === 'killed' });
    truncateSync(place.file, Math.floor(statSync(place.file).size / 2));
    const after = open();
    await untilWell(() => telemetry(after).damaged + telemetry(after).pending === 50);
    const { accepted, delivered, damaged, pending } = telemetry(after);
    expect(accepted).toBe(60);
    expect(delivered + damaged + pending).toBe(60);
    expect(await pendingTexts(after)).toHaveLength(pending);
  });

  it('tells afterwards what was kept of it and what was not', async () => {
    await fill({ killed: false });
    truncateSync(place.file, 0);
    await open().close();
    const reader = bufferOnDisk(place.file).open();
    const { salvage } = verifyBuffer(reader, () => {});
    reader.close();
    expect(salvage).toMatchObject({ messages: 0, damaged: 50, newIncarnation: true });
  });

  it('that is empty, with nothing left beside it, is told as damaged as a whole', async () => {
    await fill({ killed: false });
    truncateSync(place.file, 0);
    expect(telemetry(open())).toMatchObject({ accepted: 60, delivered: 10, damaged: 50 });
  });
});

/** What the file said before its first page was destroyed. */
function pagesOfBefore(table: string): number[] {
  const file = readFileSync(place.file);
  return Array.from({ length: file.byteLength / PAGE_BYTES }, (_, at) => at + 1).filter((page) => {
    const bytes = file.subarray((page - 1) * PAGE_BYTES, page * PAGE_BYTES);
    const isStreams = bytes.includes('"contiguous"') && bytes[0] === 0x0d;
    return table === 'streams' && isStreams;
  });
}

describe('a write-ahead log', () => {
  it('that is missing is noticed: what it held is damaged, no sequence is used twice', async () => {
    const before = await fill({ killed: true });
    rmSync(`${place.file}-wal`);
    const after = open();
    expect(after.incarnation).not.toBe(before);
    const { accepted, delivered, damaged, pending } = telemetry(after);
    expect(accepted).toBe(60);
    expect(delivered + damaged + pending).toBe(60);
    expect(await after.append(message())).toEqual({ kind: 'stored', sequence: 1n });
  });

  it('that is damaged in its middle loses no more than that', async () => {
    await fill({ killed: true });
    const log = `${place.file}-wal`;
    overwrite(log, Math.floor(statSync(log).size / 2), Buffer.from([1, 2, 3, 4]));
    const after = open();
    const { accepted, delivered, damaged, pending } = telemetry(after);
    expect({ accepted, sum: delivered + damaged + pending }).toEqual({ accepted: 60, sum: 60 });
    expect(damaged).toBeLessThan(30);
    expect(await pendingTexts(after)).toHaveLength(pending);
  });

  it.each([
    ['byte order', 3],
    ['page size', 10],
    ['salt', 16],
  ])('whose header flipped a bit of its %s gives back all that it holds', async (_, at) => {
    await fill({ killed: true });
    const log = `${place.file}-wal`;
    overwrite(log, at, Buffer.from([readFileSync(log)[at]! ^ 1]));
    const after = open();
    expect(telemetry(after)).toMatchObject({ accepted: 60, damaged: 0, pending: 50 });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });

  it('that is torn at its end, as a power cut leaves it, is none', async () => {
    const before = await fill({ killed: true });
    const log = `${place.file}-wal`;
    writeFileSync(log, Buffer.alloc(700, 3), { flag: 'a' });
    const after = open();
    expect(after.incarnation).toBe(before);
    expect(telemetry(after)).toMatchObject({ accepted: 60, damaged: 0, pending: 50 });
  });
});

describe('the mark beside the file', () => {
  it('when it is missing, costs nothing: a copy is for the cloud to see', async () => {
    const before = await fill({ killed: false });
    rmSync(`${place.file}.mark`);
    const after = open();
    expect(after.incarnation).toBe(before);
    expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, pending: 50 });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });

  it('tells a file that was taken from a backup while it stayed', async () => {
    await fill({ killed: false });
    copyFileSync(place.file, `${place.file}.backup`);
    const going = place.open();
    const { incarnation } = going;
    await going.append(message());
    await going.close();
    copyFileSync(`${place.file}.backup`, place.file);
    const after = open();
    expect(after.incarnation).not.toBe(incarnation);
    expect(telemetry(after)).toMatchObject({ accepted: 61, damaged: 1, pending: 50 });
  });
});

describe('a salvage', () => {
  const steps = ['moved', 'filled', 'placed'] as const;
  it.each(steps)('that is killed when it has %s is ended by the next start', async (step) => {
    await fill({ killed: false });
    destroyPage(1);
    const killing = testRuntime({
      steps: {
        reach(name) {
          if (name === `buffer.salvage.${step}`) throw new Error('killed');
        },
      },
    });
    expect(() => place.open({ runtime: killing })).toThrow('killed');
    const after = open();
    expect(telemetry(after)).toMatchObject({
      accepted: 60,
      delivered: 10,
      damaged: 0,
      pending: 50,
    });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
    const left = readdirSync(place.folder).filter((name) => /salvaging|fresh/.test(name));
    expect(left).toEqual([]);
  });

  it('of what was salvaged before loses nothing more', async () => {
    await fill({ killed: false });
    for (let round = 0; round < 3; round++) {
      destroyPage(1);
      const after = place.open();
      expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, pending: 50 });
      await after.close();
    }
    expect(await pendingTexts(open())).toEqual(texts(11, 60));
  });
});

describe('a row under the number of another lane', () => {
  /** As a flipped bit of a row's id leaves it: every checksum is that of the row as it was. */
  function change(sql: string): void {
    const database = new Sqlite(place.file);
    database.exec(sql);
    database.close();
    destroyPage(1);
  }

  it.each([0, -2, 500, 2 ** 40])('is no lane when it is the row of one (%i)', async (id) => {
    const before = await fill({ killed: false });
    change(`update streams set id = ${id} where lane = 'telemetry'`);
    const after = open();
    expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, damaged: 0 });
    const incarnations = new Set(after.positions().map(({ incarnation }) => incarnation));
    expect(incarnations).toEqual(new Set([before, after.incarnation]));
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });

  it.each([1, 7, 300])('comes back when it is a block (%i)', async (stream) => {
    await fill({ killed: false });
    const place48 = '281474976710656';
    change(`update blocks set id = ${stream} * ${place48} + id % ${place48} where last = 20`);
    const after = open();
    expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, damaged: 0 });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });
});

describe('two incarnations of which nothing is left but groups', () => {
  it('stay two, and give back every message', async () => {
    for (const from of [1, 6]) {
      const alive = place.open();
      for (let at = from; at < from + 5; at++)
        await alive.append(message({ payload: Buffer.from(`${at}`) }));
      await alive.close();
      const pages = pagesOfBefore('streams');
      destroyPage(1);
      for (const page of pages) destroyPage(page);
      // Without its witness nothing knows the names of the lanes.
      if (from === 6) rmSync(`${place.file}.mark`);
    }
    const after = open();
    expect((await pendingTexts(after)).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      texts(1, 10),
    );
  });
});

describe('a hole that SQLite does not tell', () => {
  it('is found beside the work, and what it hides is brought back', async () => {
    await fill({ killed: false });
    const database = new Sqlite(place.file);
    database.exec('update groups set id = id + 100 where last = 40');
    database.close();
    const after = open();
    await untilWell(() => telemetry(after).damaged === 1);
    expect(await pendingTexts(after)).toEqual([...texts(11, 39), ...texts(41, 60)]);
  });
});
