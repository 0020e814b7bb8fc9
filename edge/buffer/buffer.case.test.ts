import { existsSync } from 'node:fs';
import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import { decompressBody } from '@holdfast/shared/lib/block-body.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
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
import {
  BLOCK_BYTES_MAX,
  BLOCK_RECORDS_MAX,
  type Buffer as GatewayBuffer,
  PAYLOAD_BYTES_MAX,
} from './buffer.ts';

let place: World;
let buffer: GatewayBuffer;
openForEach((opened) => {
  ({ place, buffer } = opened);
});

const reopen = async (): Promise<void> => {
  buffer = await place.reopen();
};
const telemetry = () => ledgerOf(buffer, 'telemetry');

describe('append', () => {
  it('resolves after the message is on disk: another connection sees it', async () => {
    await buffer.append(message());
    const reader = new Sqlite(place.file, { readonly: true });
    expect(reader.prepare('select count(*) from groups').pluck().get()).toBe(1);
    reader.close();
  });

  it('resolves in the order of the calls, whatever their outcomes', async () => {
    const order: string[] = [];
    const calls = [keyed(1), message(), keyed(1), message({ lane: 'stock' }), keyed(2)];
    await Promise.all(
      calls.map(async (call, at) => {
        order.push(`${at} ${(await buffer.append(call)).kind}`);
      }),
    );
    expect(order).toEqual(['0 stored', '1 stored', '2 duplicate', '3 stored', '4 stored']);
  });

  it('shares one sync among the messages of one turn', async () => {
    let commits = 0;
    await buffer.close();
    const steps = {
      reach(step: string) {
        if (step === 'buffer.append.committed') commits += 1;
      },
    };
    buffer = place.open({ runtime: testRuntime({ steps }) });
    await Promise.all(Array.from({ length: 100 }, () => buffer.append(message())));
    expect(commits).toBe(1);
  });

  it('gives a lane sequences from 1 without a gap, across restarts and refusals', async () => {
    await buffer.append(keyed(1));
    await buffer.append(keyed(1));
    await buffer.append(message({ lane: 'event' }));
    await reopen();
    expect(await buffer.append(keyed(2))).toEqual({ kind: 'stored', sequence: 2n });
    expect(await buffer.append(message({ lane: 'event' }))).toEqual({
      kind: 'stored',
      sequence: 2n,
    });
  });

  it('keeps whole groups within one block, however much comes in one turn', async () => {
    const payload = Buffer.alloc(PAYLOAD_BYTES_MAX, 'x');
    await Promise.all(Array.from({ length: 6 }, () => buffer.append(message({ payload }))));
    const many = Array.from({ length: BLOCK_RECORDS_MAX + 10 }, () => buffer.append(message()));
    await Promise.all(many);
    for (const head of await buffer.seal('telemetry')) {
      const block = await buffer.read(head);
      const body = decompressBody(block.codec, block.body);
      expect(body.byteLength).toBeLessThanOrEqual(BLOCK_BYTES_MAX);
      expect(block.count).toBeLessThanOrEqual(BLOCK_RECORDS_MAX);
    }
    expect(await payloads(buffer, sealedOf(buffer, 'telemetry'))).toHaveLength(4112);
  });
});

describe('device keys', () => {
  it('recognise a repeat in one turn, in a later turn and after a restart', async () => {
    const [first, second] = await Promise.all([buffer.append(keyed(7)), buffer.append(keyed(7))]);
    expect([first.kind, second.kind]).toEqual(['stored', 'duplicate']);
    expect((await buffer.append(keyed(7))).kind).toBe('duplicate');
    await reopen();
    expect((await buffer.append(keyed(7))).kind).toBe('duplicate');
    expect(telemetry()).toMatchObject({ accepted: 1, duplicates: 3 });
  });

  it('belong to one device and one boot, over all its lanes', async () => {
    await buffer.append(keyed(7));
    expect((await buffer.append(keyed(7, { lane: 'event' }))).kind).toBe('duplicate');
    expect((await buffer.append(keyed(7, { device: 'd2' }))).kind).toBe('stored');
    const boot = { boot: 'b2', sequence: 7n };
    expect((await buffer.append(message({ key: boot }))).kind).toBe('stored');
  });

  it('store what lies below the window, and count it as unkeyed', async () => {
    await buffer.append(keyed(5000));
    await reopen();
    expect((await buffer.append(keyed(5000 - 1023))).kind).toBe('stored');
    expect((await buffer.append(keyed(5000 - 1023))).kind).toBe('duplicate');
    expect((await buffer.append(keyed(5000 - 1024))).kind).toBe('stored');
    expect((await buffer.append(keyed(5000 - 1024))).kind).toBe('stored');
    expect(telemetry()).toMatchObject({ unkeyed: 2, duplicates: 1 });
  });

  it('keep four boots of a device on disk, the least used makes room', async () => {
    for (const boot of ['a', 'b', 'c', 'd', 'e'])
      await buffer.append(message({ key: { boot, sequence: 1n } }));
    await reopen();
    const again = async (boot: string) =>
      (await buffer.append(message({ key: { boot, sequence: 1n } }))).kind;
    expect(await again('e')).toBe('duplicate');
    expect(await again('b')).toBe('duplicate');
    expect(await again('a')).toBe('stored');
  });

  it('without a key a message sent again is a second message, counted as unkeyed', async () => {
    await buffer.append(message());
    await buffer.append(message());
    expect(telemetry()).toMatchObject({ accepted: 2, unkeyed: 2, duplicates: 0 });
  });
});

describe('QoS 2 exchanges', () => {
  const exchange = { clientId: 'c', packetId: 9 };
  const second = message({ qos: 2, exchange });

  it('count once until the PUBREL, also after a restart', async () => {
    expect((await buffer.append(second)).kind).toBe('stored');
    expect((await buffer.append(second)).kind).toBe('duplicate');
    await reopen();
    expect((await buffer.append(second)).kind).toBe('duplicate');
    await buffer.release(exchange);
    expect((await buffer.append(second)).kind).toBe('stored');
  });

  it('are released in the order of the calls, durably', async () => {
    const kinds = await Promise.all([
      buffer.append(second),
      buffer.release(exchange),
      buffer.append(second),
      buffer.release(exchange),
    ]);
    expect(kinds.map((outcome) => outcome?.kind)).toEqual([
      'stored',
      undefined,
      'stored',
      undefined,
    ]);
    await reopen();
    expect((await buffer.append(second)).kind).toBe('stored');
  });

  it('are forgotten when a clean session ends, and only that one', async () => {
    const other = message({ qos: 2, exchange: { clientId: 'other', packetId: 9 } });
    await buffer.append(second);
    await buffer.append(other);
    await buffer.forgetClient('c');
    await reopen();
    expect((await buffer.append(second)).kind).toBe('stored');
    expect((await buffer.append(other)).kind).toBe('duplicate');
  });
});

describe('the rest of the contract', () => {
  it('holds the turn durably', async () => {
    expect(buffer.turn).toHaveLength(0);
    await buffer.holdTurn(Buffer.alloc(16, 7));
    await reopen();
    expect(Buffer.from(buffer.turn)).toEqual(Buffer.alloc(16, 7));
  });

  it('keeps its incarnation for ever, and names all lanes from the start', async () => {
    const before = buffer.incarnation;
    expect(buffer.positions().map(({ lane }) => lane)).toEqual([...LANES]);
    await reopen();
    expect(buffer.incarnation).toBe(before);
    expect(before).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
  });

  it('tells the listeners which lanes grew, after each commit, until they leave', async () => {
    const seen: Lane[][] = [];
    const leave = buffer.onCommitted((lanes) => void seen.push([...lanes]));
    await Promise.all([buffer.append(message()), buffer.append(message({ lane: 'stock' }))]);
    await expect
      .poll(() => seen)
      .toEqual([['telemetry', 'stock']].map((lanes) => expect.arrayContaining(lanes)));
    leave();
    await buffer.append(message());
    await buffer.seal('telemetry');
    expect(seen).toHaveLength(1);
  });

  it('counts the backlog at and below the line', async () => {
    for (let at = 0; at < 5; at++) await buffer.append(message());
    expect(telemetry().backlog).toBe(0);
    const drawn = buffer.ledger(new Map([['telemetry', 3n]]));
    expect(drawn.find(({ lane }) => lane === 'telemetry')).toMatchObject({
      backlog: 3,
      pending: 5,
    });
  });

  it('opens without reading the queue: an unreadable body does not matter', async () => {
    await buffer.append(message());
    await buffer.close();
    const database = new Sqlite(place.file);
    database.exec("update groups set body = x'00'");
    database.close();
    buffer = place.open();
    expect(telemetry().pending).toBe(1);
  });

  it('stops for good when a commit fails: nothing more is acknowledged', async () => {
    await buffer.close();
    let broken = false;
    const steps = {
      reach(step: string) {
        if (broken && step === 'buffer.append.before-commit') throw new Error('EIO');
      },
    };
    buffer = place.open({ runtime: testRuntime({ steps }) });
    await buffer.append(message());
    broken = true;
    await expect(buffer.append(message())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    broken = false;
    await expect(buffer.append(message())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await reopen();
    expect(telemetry().accepted).toBe(1);
  });

  it('makes durable what was appended before it closes, and refuses every call after', async () => {
    const appended = buffer.append(message());
    await buffer.close();
    expect(await appended).toEqual({ kind: 'stored', sequence: 1n });
    const head = {
      incarnation: buffer.incarnation,
      lane: 'telemetry' as const,
      range: range(1, 1),
      bytes: 1,
    };
    const exchange = { clientId: 'c', packetId: 1 };
    const calls = [
      () => buffer.append(message()),
      () => buffer.release(exchange),
      () => buffer.forgetClient('c'),
      () => buffer.holdTurn(new Uint8Array(16)),
      () => buffer.positions(),
      () => buffer.seal('telemetry'),
      () => buffer.sealed(buffer.incarnation, 'telemetry', 1n, 1),
      () => buffer.read(head),
      () => buffer.acknowledge(buffer.incarnation, 'telemetry', upTo(1)),
      () => buffer.park(buffer.incarnation, 'telemetry', range(1, 1), 'x'),
      () => buffer.ledger(new Map()),
      () => buffer.onCommitted(() => {}),
      () => buffer.bytesOnDisk,
    ];
    for (const call of calls)
      await expect((async () => call())()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(existsSync(place.file)).toBe(true);
    buffer = place.open();
  });
});
