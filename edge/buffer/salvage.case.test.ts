import {
  copyFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyed, message, type World, world } from './buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from './buffer.ts';
import { bufferOnDisk } from './buffer-reader.sqlite.ts';
import { verifyBuffer } from './inspection/verification.ts';
import {
  destroyPage,
  fill,
  leaveHalfMade,
  overwrite,
  pagesOf,
  pagesOfStreams,
  pendingTexts,
  telemetry,
  texts,
  untilWell,
} from './salvage.fixture.ts';

let place: World;
let buffer: GatewayBuffer | undefined;
beforeEach(() => {
  place = world();
});
afterEach(async () => {
  await buffer?.close();
  place.remove();
});

function open(options: Parameters<World['open']>[0] = {}): GatewayBuffer {
  buffer = place.open(options);
  return buffer;
}

describe('a damaged file', () => {
  it('without its header gives back every message, its positions and its windows', async () => {
    await fill(place, { killed: false });
    destroyPage(place.file, 1);
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
    await fill(place, { killed: false });
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
    const before = await fill(place, { killed: false });
    destroyPage(place.file, 1);
    const after = open();
    expect(after.incarnation).toBe(before);
    expect(Buffer.from(after.turn)).toEqual(Buffer.alloc(16, 7));
    expect(await after.append(message())).toEqual({ kind: 'stored', sequence: 61n });
  });

  it('begins a new incarnation when they are not, and still knows what was delivered', async () => {
    const before = await fill(place, { killed: false });
    destroyPage(place.file, 1);
    for (const page of pagesOfStreams(place.file)) destroyPage(place.file, page);
    const after = open();
    expect(after.incarnation).not.toBe(before);
    expect(await after.append(message())).toEqual({ kind: 'stored', sequence: 1n });
    expect(telemetry(after)).toMatchObject({ accepted: 61, delivered: 10, damaged: 0 });
  });

  it('settles what is gone as damaged, for ever, and brings the rest', async () => {
    await fill(place, { killed: false });
    const [leaf] = pagesOf(place.file, 'groups').slice(-1);
    destroyPage(place.file, leaf!);
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
    await fill(place, { killed: how === 'killed' });
    truncateSync(place.file, Math.floor(statSync(place.file).size / 2));
    const after = open();
    await untilWell(() => telemetry(after).damaged + telemetry(after).pending === 50);
    const { accepted, delivered, damaged, pending } = telemetry(after);
    expect(accepted).toBe(60);
    expect(delivered + damaged + pending).toBe(60);
    expect(await pendingTexts(after)).toHaveLength(pending);
  });

  it('tells afterwards what was kept of it and what was not', async () => {
    await fill(place, { killed: false });
    truncateSync(place.file, 0);
    await open().close();
    const reader = bufferOnDisk(place.file).open();
    const { salvage } = verifyBuffer(reader, () => {});
    reader.close();
    expect(salvage).toMatchObject({ messages: 0, damaged: 50, newIncarnation: true });
  });

  it('that is empty, with nothing left beside it, is told as damaged as a whole', async () => {
    await fill(place, { killed: false });
    truncateSync(place.file, 0);
    expect(telemetry(open())).toMatchObject({ accepted: 60, delivered: 10, damaged: 50 });
  });
});

describe('a write-ahead log', () => {
  it('that is missing is noticed: what it held is damaged, no sequence is used twice', async () => {
    const before = await fill(place, { killed: true });
    rmSync(`${place.file}-wal`);
    const after = open();
    expect(after.incarnation).not.toBe(before);
    const { accepted, delivered, damaged, pending } = telemetry(after);
    expect(accepted).toBe(60);
    expect(delivered + damaged + pending).toBe(60);
    expect(await after.append(message())).toEqual({ kind: 'stored', sequence: 1n });
  });

  it('that is damaged in its middle loses no more than that', async () => {
    await fill(place, { killed: true });
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
    await fill(place, { killed: true });
    const log = `${place.file}-wal`;
    overwrite(log, at, Buffer.from([readFileSync(log)[at]! ^ 1]));
    const after = open();
    expect(telemetry(after)).toMatchObject({ accepted: 60, damaged: 0, pending: 50 });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });

  it('whose header and first frames are noise gives back what is behind them', async () => {
    await fill(place, { killed: true });
    const noise = Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * 97 + 13) & 0xff));
    overwrite(`${place.file}-wal`, 0, noise);
    const after = open();
    const { accepted, delivered, damaged, pending } = telemetry(after);
    expect({ accepted, sum: delivered + damaged + pending }).toEqual({ accepted: 60, sum: 60 });
    expect(pending).toBeGreaterThan(30);
  });

  it('that lost its end is kept as it was, with what is left of its last commit', async () => {
    await fill(place, { killed: true });
    const log = `${place.file}-wal`;
    truncateSync(log, statSync(log).size - 100);
    const { size } = statSync(log);
    const after = open();
    const [kept] = bufferOnDisk(place.file).quarantined();
    expect(statSync(`${kept!.file}-wal`).size).toBe(size);
    const { accepted, delivered, damaged, pending } = telemetry(after);
    expect({ accepted, sum: delivered + damaged + pending }).toEqual({ accepted: 60, sum: 60 });
  });

  it('that is torn at its end, as a power cut leaves it, is none', async () => {
    const before = await fill(place, { killed: true });
    const log = `${place.file}-wal`;
    writeFileSync(log, Buffer.alloc(700, 3), { flag: 'a' });
    const after = open();
    expect(after.incarnation).toBe(before);
    expect(telemetry(after)).toMatchObject({ accepted: 60, damaged: 0, pending: 50 });
  });
});

describe('the mark beside the file', () => {
  it('when it is missing, costs nothing: a copy is for the cloud to see', async () => {
    const before = await fill(place, { killed: false });
    rmSync(`${place.file}.mark`);
    const after = open();
    expect(after.incarnation).toBe(before);
    expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, pending: 50 });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });

  it('tells a file that was taken from a backup while it stayed', async () => {
    await fill(place, { killed: false });
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

describe('a file that was not made to its end', () => {
  it('when its first page was being written, is made at the next start', async () => {
    leaveHalfMade(place.file);
    expect(() => bufferOnDisk(place.file).open()).toThrow('holds nothing yet');
    expect(await open().append(message())).toEqual({ kind: 'stored', sequence: 1n });
    expect(bufferOnDisk(place.file).quarantined()).toEqual([]);
  });

  it('when it had no write-ahead log yet, is made at the next start', async () => {
    const database = new Sqlite(place.file);
    database.pragma('application_id = 1');
    expect(database.pragma('journal_mode', { simple: true })).toBe('delete');
    database.close();
    expect(() => bufferOnDisk(place.file).open()).toThrow('holds nothing yet');
    expect(await open().append(message())).toEqual({ kind: 'stored', sequence: 1n });
    expect(bufferOnDisk(place.file).quarantined()).toEqual([]);
  });

  it('where a buffer had been, is told as damaged', async () => {
    await fill(place, { killed: false });
    rmSync(place.file);
    leaveHalfMade(place.file);
    expect(telemetry(open())).toMatchObject({ accepted: 60, delivered: 10, damaged: 50 });
  });
});

describe('a copy that has no write-ahead log', () => {
  /** As `vacuum into` makes it. */
  function copied(): void {
    const database = new Sqlite(place.file);
    database.exec(`vacuum into '${place.file}.backup'`);
    database.close();
  }

  it('is a buffer as before', async () => {
    const before = await fill(place, { killed: false });
    copied();
    copyFileSync(`${place.file}.backup`, place.file);
    const after = open();
    expect(after.incarnation).toBe(before);
    expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, pending: 50 });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });

  it('and is older than what was written beside it is noticed', async () => {
    await fill(place, { killed: false });
    copied();
    const going = place.open();
    await going.append(message());
    await going.close();
    copyFileSync(`${place.file}.backup`, place.file);
    expect(telemetry(open())).toMatchObject({ accepted: 61, damaged: 1, pending: 50 });
  });
});

describe('a salvage', () => {
  const steps = ['moved', 'filled', 'placed'] as const;
  it.each(steps)('that is killed when it has %s is ended by the next start', async (step) => {
    await fill(place, { killed: false });
    destroyPage(place.file, 1);
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
    await fill(place, { killed: false });
    for (let round = 0; round < 3; round++) {
      destroyPage(place.file, 1);
      const after = place.open();
      expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, pending: 50 });
      await after.close();
    }
    expect(await pendingTexts(open())).toEqual(texts(11, 60));
  });
});

describe('a hole that SQLite does not tell', () => {
  it('is found beside the work, and what it hides is brought back', async () => {
    await fill(place, { killed: false });
    const database = new Sqlite(place.file);
    database.exec('update groups set id = id + 100 where last = 40');
    database.close();
    const after = open();
    await untilWell(() => telemetry(after).damaged === 1);
    expect(await pendingTexts(after)).toEqual([...texts(11, 39), ...texts(41, 60)]);
  });
});
