import { rmSync } from 'node:fs';
import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { message, type World, world } from './buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from './buffer.ts';
import { openBufferStore } from './buffer-file.sqlite.ts';
import { bufferOnDisk } from './buffer-reader.sqlite.ts';
import {
  destroyPage,
  fill,
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

function open(): GatewayBuffer {
  buffer = place.open();
  return buffer;
}

/** None while it is opened again. */
function headsOf(of: GatewayBuffer, lane: Lane) {
  try {
    return of.sealed(of.incarnation, lane, 1n, 1_000);
  } catch {
    // It says UNAVAILABLE then; the caller asks again.
    return [];
  }
}

describe('a row under the number of another lane', () => {
  /** As a flipped bit of a row's id leaves it: every checksum is that of the row as it was. */
  function change(sql: string): void {
    const database = new Sqlite(place.file);
    database.exec(sql);
    database.close();
    destroyPage(place.file, 1);
  }

  it.each([0, -2, 500, 2 ** 40])('is no lane when it is the row of one (%i)', async (id) => {
    const before = await fill(place, { killed: false });
    change(`update streams set id = ${id} where lane = 'telemetry'`);
    const after = open();
    expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, damaged: 0 });
    const incarnations = new Set(after.positions().map(({ incarnation }) => incarnation));
    expect(incarnations).toEqual(new Set([before, after.incarnation]));
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });

  it.each([1, 7, 300])('comes back when it is a block (%i)', async (stream) => {
    await fill(place, { killed: false });
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
      const pages = pagesOfStreams(place.file);
      destroyPage(place.file, 1);
      for (const page of pages) destroyPage(place.file, page);
      // Without its witness nothing knows the names of the lanes.
      if (from === 6) rmSync(`${place.file}.mark`);
    }
    const after = open();
    expect((await pendingTexts(after)).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      texts(1, 10),
    );
  });
});

describe('a row of a block that does not say what the block says', () => {
  it.each([
    ['it ends too late', 'last = last + 15'],
    ['it ends too early', 'last = last - 5'],
    ['it ends before it begins', 'last = id % 281474976710656 - 1'],
    ['its size', 'body_bytes = body_bytes + 1'],
    ['its lane', 'id = id - 281474976710656'],
  ])('has the file salvaged, and comes back as it was (%s)', async (_, change) => {
    await fill(place, { killed: false });
    const database = new Sqlite(place.file);
    database.exec(`update blocks set ${change} where last = 20`);
    database.close();
    const after = open();
    await untilWell(async () => {
      // As the uplink does: it reads what the rows say.
      const heads = LANES.flatMap((lane) => headsOf(after, lane));
      await Promise.allSettled(heads.map((head) => after.read(head)));
      return bufferOnDisk(place.file).quarantined().length === 1;
    });
    await untilWell(() => headsOf(after, 'telemetry').length > 0);
    expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, damaged: 0 });
    expect(await pendingTexts(after)).toEqual(texts(11, 60));
  });

  it.each([
    ['it ends too late', 'last = last + 15', []],
    ['it ends too early', 'last = last - 5', []],
    ['its lane', 'id = id - 281474976710656', []],
    // Its own bytes are wrong besides, so that they cannot say where they belong.
    ['it reaches over others', 'last = last + 15', ['block = zeroblob(length(block))']],
  ])('is not condensed, nor are its neighbours given up (%s)', async (_, change, more) => {
    await fill(place, { killed: false });
    const database = new Sqlite(place.file);
    for (const each of [...more, change])
      database.exec(`update blocks set ${each} where last = 20`);
    const row = database
      .prepare(`select id % 281474976710656 as first, last, id / 281474976710656 as stream
        from blocks where id % 281474976710656 = 11`)
      .get() as { first: number; last: number; stream: number };
    database.close();
    const opened = openBufferStore(place.file, testRuntime());
    const stream = opened.streams.find(({ id }) => id === row.stream)!;
    const range = { first: BigInt(row.first), last: BigInt(row.last) };
    const condensed = opened.writer.write('condense', stream, [range]);
    await expect(condensed).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await opened.close();
  });

  it('does not take its neighbours with it when it is dropped', async () => {
    await fill(place, { killed: false });
    const database = new Sqlite(place.file);
    database.exec('update blocks set last = last + 15 where last = 20');
    database.close();
    const opened = openBufferStore(place.file, testRuntime());
    const { id } = opened.streams.find(({ lane }) => lane === 'telemetry')!;
    const range = { first: 11n, last: 35n };
    const drop = { kind: 'dropped', range, reason: 'disk budget' } as const;
    await expect(opened.writer.write('discard', id, drop)).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
    });
    await opened.close();
  });
});

describe('a row of a group that is not what was written', () => {
  it.each([
    ['it ends too late', 'last = last + 15'],
    ['it ends before it begins', 'last = last - 5'],
  ])('takes no other with it (%s)', async (_, change) => {
    await fill(place, { killed: false });
    const database = new Sqlite(place.file);
    database.exec(`update groups set ${change} where last = 40`);
    database.close();
    const after = open();
    await untilWell(async () => {
      // Rejects while the file is opened again.
      await Promise.allSettled([after.seal('telemetry')]);
      return telemetry(after).damaged > 0 && headsOf(after, 'telemetry').length > 0;
    });
    expect(telemetry(after)).toMatchObject({ accepted: 60, delivered: 10, damaged: 1 });
    expect(await pendingTexts(after)).toEqual([...texts(11, 39), ...texts(41, 60)]);
  });
});
