import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { decodeBody, decompressBody, receivedMicros } from '@holdfast/shared/lib/block-body.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import {
  keyed,
  ledgerOf,
  message,
  openForEach,
  payloads,
  range,
  sealedOf,
  upTo,
  type World,
} from './buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from './buffer.ts';
import { BUFFER_FORMAT } from './buffer-schema.sqlite.ts';
import { rowChecksum } from './row-checksum.ts';

let place: World;
let buffer: GatewayBuffer;
openForEach((opened) => {
  ({ place, buffer } = opened);
});

const reopen = async (): Promise<void> => {
  buffer = await place.reopen();
};
const telemetry = () => ledgerOf(buffer, 'telemetry');

/** Of a SQLite file. */
const HEADER_BYTES = 100;

describe('blocks', () => {
  it('hold the records as they were received, with a checksum and a receive time', async () => {
    const before = BigInt(Date.now()) * 1000n;
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await buffer.append(message({ retain: true }));
    await buffer.append(keyed(3, { qos: 2, traceparent }));
    const [head] = await buffer.seal('telemetry');
    const block = await buffer.read(head!);
    expect(block).toMatchObject({ incarnation: buffer.incarnation, firstSequence: 1n, count: 2 });
    expect(block.checksum).toEqual(blockChecksum(block));
    expect(block.traceparent).toBe(traceparent);
    expect(head).toMatchObject({ bytes: block.body.byteLength, range: range(1, 2) });
    const body = decodeBody(decompressBody(block.codec, block.body));
    expect(body.record(0)).toMatchObject({ retain: true, qos: 1, device: 'd1', key: undefined });
    expect(body.record(1)).toMatchObject({ qos: 2, key: { boot: 'b1', sequence: 3n } });
    for (const at of [0, 1]) {
      const late = receivedMicros(body.record(at)) - before;
      expect(late > -1_000_000n && late < 60_000_000n).toBe(true);
    }
  });

  it('are cut once: the same bytes after more appends, seals and a restart', async () => {
    await buffer.append(message());
    const [head] = await buffer.seal('telemetry');
    const before = await buffer.read(head!);
    await buffer.append(message());
    const more = await buffer.seal('telemetry');
    expect(more.map((each) => each.range)).toEqual([range(2, 2)]);
    await reopen();
    expect(await buffer.read(head!)).toEqual(before);
    expect(sealedOf(buffer, 'telemetry')).toEqual([head, ...more]);
  });

  it('are listed ascending from a sequence on, at most as many as asked for', async () => {
    for (let at = 0; at < 4; at++) {
      await Promise.all([buffer.append(message()), buffer.append(message())]);
      await buffer.seal('telemetry');
    }
    const from = (first: bigint, limit: number) =>
      buffer.sealed(buffer.incarnation, 'telemetry', first, limit).map((head) => head.range.first);
    expect(from(1n, 10)).toEqual([1n, 3n, 5n, 7n]);
    expect(from(4n, 10)).toEqual([3n, 5n, 7n]);
    expect(from(5n, 1)).toEqual([5n]);
    expect(from(9n, 10)).toEqual([]);
    expect(buffer.sealed('another', 'telemetry', 1n, 10)).toEqual([]);
  });

  it('of two callers at once are whole and ascending for each', async () => {
    await Promise.all(Array.from({ length: 5000 }, () => buffer.append(message())));
    const [one, two] = await Promise.all([buffer.seal('telemetry'), buffer.seal('telemetry')]);
    expect(one.map((head) => head.range)).toEqual([range(1, 4096), range(4097, 5000)]);
    expect(two).toEqual([]);
  });

  it('hold no more than is asked for, and a turn stays whole', async () => {
    for (let at = 0; at < 4; at++)
      await Promise.all([buffer.append(message()), buffer.append(message())]);
    const heads = await buffer.seal('telemetry', { bytesMax: 1 });
    expect(heads.map((head) => head.range)).toEqual([
      range(1, 2),
      range(3, 4),
      range(5, 6),
      range(7, 8),
    ]);
  });

  it('that were freed are NOT_FOUND', async () => {
    await buffer.append(message());
    const [head] = await buffer.seal('telemetry');
    await buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(1));
    await expect(buffer.read(head!)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('damage', () => {
  async function damage(sql: string): Promise<void> {
    await buffer.close();
    const database = new Sqlite(place.file);
    database.exec(sql);
    database.close();
    buffer = place.open();
  }

  it('of a block is found by its checksum: set aside, settled, STORE_DAMAGED', async () => {
    await buffer.append(message());
    const [head] = await buffer.seal('telemetry');
    await damage(`update blocks set block = cast(substr(block, 1, length(block) - 30)
      || x'ff' || substr(block, length(block) - 28) as blob)`);
    await expect(buffer.read(head!)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect(sealedOf(buffer, 'telemetry')).toEqual([]);
    expect(telemetry()).toMatchObject({ accepted: 1, damaged: 1, pending: 0 });
    await reopen();
    expect(telemetry()).toMatchObject({ accepted: 1, damaged: 1, pending: 0 });
  });

  it('of a group never gets into a block; its neighbours do', async () => {
    for (const text of ['a', 'b', 'c'])
      await buffer.append(message({ payload: Buffer.from(text) }));
    await damage(`update groups set body = zeroblob(length(body)) where last = 2`);
    const heads = await buffer.seal('telemetry');
    expect(await payloads(buffer, heads)).toEqual(['a', 'c']);
    expect(telemetry()).toMatchObject({ accepted: 3, damaged: 1, pending: 2 });
  });

  it.each(['garbage', 'no buffer file', 'broken meta'])(
    'of the whole file (%s): it is kept aside, and a fresh one starts under a new incarnation',
    async (kind) => {
      await buffer.append(message());
      const before = buffer.incarnation;
      await buffer.close();
      if (kind === 'garbage') writeFileSync(place.file, Buffer.alloc(9000, 'garbage'));
      else {
        const database = new Sqlite(place.file);
        database.exec(kind === 'broken meta' ? 'drop table streams' : 'drop table meta');
        database.close();
      }
      const damaged = readFileSync(place.file);
      buffer = place.open();
      expect(buffer.incarnation).not.toBe(before);
      expect(await buffer.append(message())).toEqual({ kind: 'stored', sequence: 1n });
      const aside = readdirSync(place.folder).find((name) => /\.damaged-\d+$/.test(name));
      // Looking at it counts as a change in its header.
      const kept = readFileSync(`${place.folder}/${aside}`);
      expect(kept.subarray(HEADER_BYTES)).toEqual(damaged.subarray(HEADER_BYTES));
    },
  );

  it('is not what a later version wrote: that is refused and left alone', async () => {
    await buffer.close();
    const setFormat = (format: number): void => {
      const database = new Sqlite(place.file);
      const checksum = rowChecksum('format', format);
      const update = "update meta set value = ?, checksum = ? where name = 'format'";
      database.prepare(update).run(BigInt(format), checksum);
      database.close();
    };
    setFormat(BUFFER_FORMAT + 1);
    expect(() => place.open()).toThrow(/format 3; this version reads format 2/);
    setFormat(BUFFER_FORMAT);
    buffer = place.open();
  });
});

describe('acknowledge', () => {
  it('frees what is covered, is durable, and is harmless when it comes again', async () => {
    for (let at = 0; at < 3; at++) {
      await buffer.append(message());
      await buffer.seal('telemetry');
    }
    const durable = { contiguous: 1n, ranges: [range(3, 3)] };
    await buffer.acknowledge(buffer.incarnation, 'telemetry', durable);
    await buffer.acknowledge(buffer.incarnation, 'telemetry', durable);
    await buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(1));
    await reopen();
    expect(sealedOf(buffer, 'telemetry').map((head) => head.range)).toEqual([range(2, 2)]);
    expect(telemetry()).toMatchObject({ accepted: 3, delivered: 2, pending: 1 });
    const position = buffer.positions().find(({ lane }) => lane === 'telemetry')!;
    expect(position).toMatchObject({ accepted: 3n, acknowledged: durable });
  });

  it('leaves a block that is covered in part, and other lanes and incarnations', async () => {
    await Promise.all([buffer.append(message()), buffer.append(message())]);
    await buffer.append(message({ lane: 'event' }));
    await buffer.seal('telemetry');
    await buffer.seal('event');
    await buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(1));
    await buffer.acknowledge('another', 'telemetry', upTo(99));
    expect(sealedOf(buffer, 'telemetry')).toHaveLength(1);
    expect(sealedOf(buffer, 'event')).toHaveLength(1);
  });

  it('refuses a position above what was ever accepted: this disk is an old copy', async () => {
    await buffer.append(message());
    const acknowledged = buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(2));
    await expect(acknowledged).rejects.toMatchObject({ code: 'INCARNATION_FENCED' });
  });
});

describe('park', () => {
  it('settles a range without delivery, durably, and again is harmless', async () => {
    for (let at = 0; at < 3; at++) {
      await buffer.append(message());
      await buffer.seal('telemetry');
    }
    const park = () => buffer.park(buffer.incarnation, 'telemetry', range(2, 2), 'conflict');
    await park();
    await park();
    await reopen();
    expect(sealedOf(buffer, 'telemetry').map((head) => head.range.first)).toEqual([1n, 3n]);
    expect(telemetry()).toMatchObject({ accepted: 3, parked: 1, pending: 2 });
    expect(buffer.positions().find(({ lane }) => lane === 'telemetry')!.settled.ranges).toEqual([
      range(2, 2),
    ]);
  });

  it('stays parked when the cloud covers the range with other data', async () => {
    await buffer.append(message());
    await buffer.seal('telemetry');
    await buffer.park(buffer.incarnation, 'telemetry', range(1, 1), 'conflict');
    await buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(1));
    expect(telemetry()).toMatchObject({ delivered: 0, parked: 1, pending: 0 });
  });

  it('refuses to cut a block, and a range that was never accepted', async () => {
    await Promise.all([buffer.append(message()), buffer.append(message())]);
    await buffer.seal('telemetry');
    for (const wrong of [range(2, 2), range(2, 3), range(0, 1)]) {
      const parked = buffer.park(buffer.incarnation, 'telemetry', wrong, 'conflict');
      await expect(parked).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    }
  });
});
