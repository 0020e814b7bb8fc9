import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { keyed, message, openForEach, range, upTo, type World } from '../buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from '../buffer.ts';
import { bufferOnDisk } from '../buffer-reader.sqlite.ts';
import { rowChecksum } from '../row-checksum.ts';
import type { BufferReader } from './buffer-reader.ts';
import { messageLife, streamOf } from './message-life.ts';
import { type PendingLine, pendingLines } from './pending-lines.ts';
import { FINDINGS_MAX, verifyBuffer } from './verification.ts';

let place: World;
let buffer: GatewayBuffer;
openForEach((opened) => {
  ({ place, buffer } = opened);
});

/** More groups than are read at once. */
const ROWS_OF_CHUNKS = 600;

function look<T>(work: (reader: BufferReader) => T): T {
  const reader = bufferOnDisk(place.file).open();
  try {
    return work(reader);
  } finally {
    reader.close();
  }
}

const verified = () => look((reader) => verifyBuffer(reader, () => {}));
const kinds = () => verified().findings.map(({ kind }) => kind);

function exported(span = range(1, 1_000_000)): PendingLine[] {
  return look((reader) => [...pendingLines(reader, streamOf(reader, 'telemetry'), lastOf(span))]);

  function lastOf({ first, last }: typeof span) {
    const { accepted } = buffer.positions().find(({ lane }) => lane === 'telemetry')!;
    return { first, last: last < accepted ? last : accepted };
  }
}

const lines = (parts: readonly PendingLine[]) =>
  parts.flatMap((part) => (part.kind === 'line' ? [JSON.parse(part.text)] : []));

/** One group per message, and up to `sealedUpTo` one block per ten. */
async function filled(count: number, sealedUpTo = 0): Promise<void> {
  for (let at = 1; at <= count; at++) {
    await buffer.append(keyed(at, { payload: Buffer.from(JSON.stringify({ value: at })) }));
    if (at % 10 === 0 && at <= sealedUpTo) await buffer.seal('telemetry');
  }
}

function change(sql: string): void {
  const database = new Sqlite(place.file);
  database.function('checksum', { varargs: true }, (...columns) =>
    rowChecksum(...(columns as (string | number)[])),
  );
  database.exec(sql);
  database.close();
}

/** Flips one bit of the body of what matches. */
function flip(table: 'groups' | 'blocks', last: number): void {
  const column = table === 'groups' ? 'body' : 'block';
  const database = new Sqlite(place.file);
  const where = `where last = ${last}`;
  const bytes = database.prepare(`select ${column} from ${table} ${where}`).pluck().get() as Buffer;
  const at = bytes.byteLength - 30;
  bytes[at] = bytes[at]! ^ 1;
  database.prepare(`update ${table} set ${column} = ? ${where}`).run(bytes);
  database.close();
}

describe('verify', () => {
  it('is clean on groups, blocks, acknowledged and parked ranges, and counts them', async () => {
    await filled(45, 30);
    await buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(10));
    await buffer.park(buffer.incarnation, 'telemetry', range(11, 20), 'conflict');
    const result = verified();
    expect(result).toMatchObject({ groups: 15, blocks: 1, messages: 25, findings: [] });
    const ledger = result.ledger.find(({ lane }) => lane === 'telemetry');
    expect(ledger).toMatchObject({ accepted: 45, delivered: 10, parked: 10, pending: 25 });
  });

  it('is clean on a buffer that never took a message', () => {
    expect(verified()).toMatchObject({ groups: 0, blocks: 0, messages: 0, findings: [] });
  });

  it('names incarnation, lane and range of a flipped bit in a block, and what to do', async () => {
    await filled(25, 20);
    flip('blocks', 20);
    const { findings, messages } = verified();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      kind: 'damaged',
      place: { incarnation: buffer.incarnation, lane: 'telemetry', range: range(11, 20) },
      what: expect.stringContaining('checksum'),
      remedy: expect.stringMatching(/\w/),
    });
    expect(messages).toBe(15);
  });

  it('finds a flipped bit in a group', async () => {
    await filled(5);
    flip('groups', 3);
    expect(verified().findings).toMatchObject([{ kind: 'damaged', place: { range: range(3, 3) } }]);
  });

  it('finds a block that lies in another place', async () => {
    await filled(20, 20);
    change('update blocks set block = (select block from blocks where last = 10) where last = 20');
    expect(verified().findings).toMatchObject([
      { kind: 'damaged', place: { range: range(11, 20) } },
    ]);
  });

  it.each([
    ['lost', 'delete from groups where last between 4 and 6', range(4, 6)],
    ['lost', 'delete from groups where last = 12', range(12, 12)],
    ['held-after-its-end', settled('parked', 3, 3), range(3, 3)],
    ['held-twice', 'update groups set last = 5 where last = 4', range(5, 5)],
    ['beyond-accepted', headAt(11), range(12, 12)],
  ])('finds %s after: %s', async (kind, sql, found) => {
    await filled(12);
    change(sql);
    const finding = verified().findings.find((one) => one.kind === kind);
    expect(finding?.place).toMatchObject({ lane: 'telemetry', range: found });
  });

  it('finds a ledger that does not add up', async () => {
    await filled(12);
    change(`${settled('parked', 3, 5)}; ${settled('dropped', 4, 6)}`);
    expect(kinds()).toContain('ledger');
  });

  it('is clean while the gateway appends and frees', async () => {
    await filled(ROWS_OF_CHUNKS, 100);
    const reader = bufferOnDisk(place.file).open();
    let freed = 0;
    const beside: BufferReader = {
      ...reader,
      held(stream, span) {
        const chunk = reader.held(stream, span);
        freed = Math.min(freed + 200, ROWS_OF_CHUNKS);
        void buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(freed));
        return chunk;
      },
    };
    expect(verifyBuffer(beside, () => {}).findings).toEqual([]);
    expect(freed).toBeGreaterThanOrEqual(400);
    reader.close();
  });

  it('bounds its findings, and counts the others', async () => {
    const last = 2 * (FINDINGS_MAX + 5);
    change(headAt(last));
    for (let at = 2; at <= last; at += 2) change(settled('parked', at, at));
    expect(verified().findings).toHaveLength(FINDINGS_MAX);
    expect(verified().findingsLeftOff).toBe(5);
  });
});

describe('a file', () => {
  it('that is absent is not made, and neither is its folder', () => {
    const file = join(place.folder, 'elsewhere', 'buffer.sqlite');
    expect(() => bufferOnDisk(file).open()).toThrow(/there is no buffer at .*elsewhere/);
    expect(readdirSync(place.folder)).not.toContain('elsewhere');
  });

  it('that is empty is no buffer yet', () => {
    const file = join(place.folder, 'empty.sqlite');
    writeFileSync(file, '');
    expect(() => bufferOnDisk(file).open()).toThrow(/holds nothing yet/);
  });

  it.each([0.95, 0.5, 0.1])('that is cut off at %f is told to be damaged', async (share) => {
    await filled(200, 100);
    await buffer.close();
    truncateSync(place.file, Math.floor(statSync(place.file).size * share));
    expect(() => expect(kinds()).toEqual([])).toThrow();
  });

  it('with a page of noise is told, and what lies elsewhere is exported', async () => {
    await filled(400);
    await buffer.close();
    fillWithNoise(place.file, middlePage());
    const reader = bufferOnDisk(place.file).open();
    const { findings } = verifyBuffer(reader, () => {});
    expect(findings.map(({ kind }) => kind)).toContain('structure');
    const stream = streamOf(reader, 'telemetry');
    const parts = [...pendingLines(reader, stream, { first: 1n, last: stream.accepted })];
    expect(lines(parts).length).toBeGreaterThan(350);
    expect(lines(parts).at(-1).sequence).toBe(400);
    expect(parts.some((part) => part.kind === 'skipped')).toBe(true);
    reader.close();
  });

  it('that was set aside is listed', () => {
    writeFileSync(`${place.file}.damaged-123`, 'abc');
    writeFileSync(`${place.file}.damaged-123-wal`, '');
    const file = `${place.file}.damaged-123`;
    expect(bufferOnDisk(place.file).quarantined()).toEqual([{ file, bytes: 3 }]);
  });

  it('is the same, byte for byte, after a look at it', async () => {
    await filled(30, 20);
    await buffer.close();
    const before = readFileSync(place.file);
    verified();
    expect(readFileSync(place.file).equals(before)).toBe(true);
  });
});

/** A page in the middle of the groups. */
function middlePage(): number {
  const database = new Sqlite(place.file, { readonly: true });
  const source = "select pageno from dbstat where name = 'groups' and pagetype = 'leaf'";
  const pages = database.prepare(source).pluck().all() as number[];
  database.close();
  return pages[Math.floor(pages.length / 2)]!;
}

function fillWithNoise(file: string, page: number): void {
  const bytes = readFileSync(file);
  const pageBytes = bytes.readUInt16BE(16);
  bytes.fill(0xa5, (page - 1) * pageBytes, page * pageBytes);
  writeFileSync(file, bytes);
}

describe('export', () => {
  const bodies = ['{"value":21.50}', '{\n "a": 1\n}', '12345678901234567890', 'not json', ''];

  it('gives back what was appended, and a payload digit for digit', async () => {
    for (const text of bodies)
      await buffer.append(message({ payload: Buffer.from(text), retain: true, qos: 2 }));
    await buffer.append(keyed(2n ** 60n, { payload: Buffer.from([0xff, 0x00]) }));
    const texts = exported().flatMap((part) => (part.kind === 'line' ? [part.text] : []));
    expect(texts[0]).toContain('"payload":{"value":21.50}}\n');
    expect(texts[2]).toContain('"payload":12345678901234567890}');
    const parsed = texts.map((text) => JSON.parse(text));
    expect(parsed[0]).toMatchObject({
      sequence: 1,
      incarnation: buffer.incarnation,
      lane: 'telemetry',
      topic: 'devices/d1/telemetry/temperature',
      device: 'd1',
      channel: 'temperature',
      qos: 2,
      retain: true,
      key: null,
      clockConfirmed: false,
    });
    expect(Math.abs(Date.parse(parsed[0].receivedAt) - Date.now())).toBeLessThan(60_000);
    expect(parsed[1].payload).toEqual({ a: 1 });
    expect(parsed.slice(3).map((one) => one.payloadBase64)).toEqual(
      [Buffer.from('not json'), Buffer.alloc(0), Buffer.from([0xff, 0])].map((bytes) =>
        bytes.toString('base64'),
      ),
    );
    expect(parsed[5].key).toEqual({ boot: 'b1', sequence: String(2n ** 60n) });
    expect(texts.every((text) => text.indexOf('\n') === text.length - 1)).toBe(true);
  });

  it('begins and ends within blocks and groups, and leaves out what was delivered', async () => {
    await filled(45, 30);
    await buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(10));
    const sequences = (span: typeof all) => lines(exported(span)).map((one) => one.sequence);
    const all = range(1, 1_000_000);
    const numbers = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, at) => first + at);
    expect(sequences(all)).toEqual(numbers(11, 45));
    expect(sequences(range(17, 24))).toEqual(numbers(17, 24));
    expect(sequences(range(44, 44))).toEqual([44]);
    expect(sequences(range(3, 9))).toEqual([]);
    expect(lines(exported(all)).map((one) => one.payload.value)).toEqual(numbers(11, 45));
  });

  it('skips what is damaged, tells it, and goes on', async () => {
    await filled(25, 20);
    flip('blocks', 10);
    flip('groups', 23);
    const parts = exported();
    const skipped = parts.filter((part) => part.kind === 'skipped');
    expect(skipped).toMatchObject([{ range: range(1, 10) }, { range: range(23, 23) }]);
    expect(lines(parts)).toHaveLength(25 - 11);
  });

  it('gives each message once while the gateway seals and appends', async () => {
    await filled(ROWS_OF_CHUNKS);
    const reader = bufferOnDisk(place.file).open();
    const span = range(1, ROWS_OF_CHUNKS);
    let count = 0;
    for (const part of pendingLines(reader, streamOf(reader, 'telemetry'), span)) {
      expect(part.kind).toBe('line');
      count += 1;
      expect(part).toMatchObject({ text: expect.stringContaining(`{"sequence":${count},`) });
      if (count !== 500) continue;
      await buffer.append(message());
      await buffer.seal('telemetry');
    }
    expect(count).toBe(ROWS_OF_CHUNKS);
    reader.close();
  });
});

describe('the life of a message', () => {
  const life = (sequence: number) =>
    look((reader) => messageLife(reader, streamOf(reader, 'telemetry'), BigInt(sequence)));

  it('tells where it lies, what it says, and how it ended', async () => {
    await filled(35, 30);
    await buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(10));
    await buffer.park(buffer.incarnation, 'telemetry', range(11, 20), 'conflict');
    expect(life(3)).toMatchObject({ end: { kind: 'delivered' }, held: undefined });
    expect(life(12).end).toMatchObject({
      kind: 'settled',
      settlement: { kind: 'parked', reason: 'conflict', atMicros: expect.any(BigInt) },
    });
    expect(life(25)).toMatchObject({
      end: { kind: 'pending' },
      held: { row: { kind: 'block', range: range(21, 30) }, opened: { kind: 'intact' } },
      message: { device: 'd1', key: { boot: 'b1', sequence: 25n } },
    });
    expect(life(33).held?.row).toMatchObject({ kind: 'group', range: range(33, 33) });
    expect(() => life(36)).toThrow(/accepted 35/);
  });

  it('tells damage and loss', async () => {
    await filled(4);
    flip('groups', 2);
    change('delete from groups where last = 3');
    expect(life(2)).toMatchObject({ held: { opened: { kind: 'damaged' } }, message: undefined });
    expect(life(3).end.kind).toBe('lost');
  });

  it('of an incarnation that the buffer does not know is NOT_FOUND', () => {
    expect(() => look((reader) => streamOf(reader, 'stock', 'other'))).toThrow(/no incarnation/);
  });
});

function headAt(accepted: number): string {
  return `update streams set accepted = ${accepted},
    head_checksum = checksum(id, ${accepted}, unkeyed, duplicates) where lane = 'telemetry'`;
}

function settled(kind: string, first: number, last: number): string {
  const row = `(id << 48) | ${first}, ${last}, '${kind}', 'test', 0`;
  return `insert into settlements (id, last, kind, reason, at_micros, checksum)
    select ${row}, checksum(${row}) from streams where lane = 'telemetry'`;
}
