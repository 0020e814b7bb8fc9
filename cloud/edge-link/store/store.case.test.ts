import { EMPTY_POSITION } from '@holdfast/shared/domain/ranges.ts';
import { CaseWorld, TECHNOLOGIES } from '@holdfast/shared/platform/sql/sql.fixture.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOutbox } from '../../platform/outbox/outbox.ts';
import type { BatchIdentity } from '../domain/batch-event.ts';
import { type StreamIdentity, storeDisconnected, storeLost, storeReport } from './gateways.ts';
import { greet, type HelloFacts, storeShown, turnedAway } from './greeting.ts';
import {
  applyLogged,
  heldLanes,
  knownBlocks,
  type LoggedBatch,
  nextOffset,
  RECENT_BLOCKS_KEPT,
} from './lane-positions.ts';
import { edgeLinkMigrations } from './migrations.ts';
import { forgetParkedBytes } from './parked-blocks.ts';
import type { EdgeLinkTables } from './tables.ts';

const TOPIC = 'telemetry.batches';
const KEY = { gatewayId: 'gw_1', incarnation: 'i-1', lane: 'telemetry' } as const;
const DAY_MICROS = 86_400_000_000n;
const TURNS = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(32));
const occasion = {
  nowMicros: 1_000_000n,
  outbox: createOutbox({ source: 'edge-link', region: 'local', runtime: testRuntime() }),
};

describe.each(TECHNOLOGIES)('edge-link store: $title', ({ technology, skip }) => {
  let place: CaseWorld;
  let sql: Sql<EdgeLinkTables>;
  beforeEach(async () => {
    place = new CaseWorld(technology);
    sql = (await place.open({ migrations: edgeLinkMigrations })) as unknown as typeof sql;
  });
  afterEach(() => place.dispose());

  const apply = (batches: readonly LoggedBatch[], nextOffset: bigint) =>
    sql.transaction((tx) =>
      applyLogged(tx, { topic: TOPIC, partition: 0, nextOffset, batches, nowMicros: 1n }),
    );
  const welcome = (changes: Partial<HelloFacts> = {}) =>
    sql.transaction((tx) => greet(tx, hello(changes)));
  const durable = () => sql.read(async (db) => (await heldLanes(db, 'gw_1'))[0]?.durable);
  const events = () =>
    sql.read(async (db) => {
      const rows = await db.selectFrom('outbox').select('headers').orderBy('sequence').execute();
      return rows.map(({ headers }) => JSON.parse(headers).ce_type);
    });
  const parked = () => sql.read((db) => db.selectFrom('parked_blocks').selectAll().execute());

  describe.skipIf(skip)('positions', () => {
    it('move by what the log holds, together with the offset', async () => {
      await apply([logged(0n, [1, 4]), logged(1n, [9, 9])], 2n);
      expect(await durable()).toEqual({ contiguous: 4n, ranges: [{ first: 9n, last: 9n }] });
      expect(await sql.read((db) => nextOffset(db, TOPIC, 0))).toBe(2n);
    });

    it('do not move when events come again, nor when the log repeats a block', async () => {
      await apply([logged(0n, [1, 4])], 1n);
      await apply([logged(0n, [1, 4]), logged(1n, [1, 4])], 2n);
      expect(await durable()).toEqual({ contiguous: 4n, ranges: [] });
      expect(await parked()).toEqual([]);
    });

    it('set aside what contradicts them, within one batch or later, once', async () => {
      await apply([logged(0n, [1, 4]), logged(1n, [1, 4], 'other')], 2n);
      expect(await apply([logged(2n, [3, 6]), logged(3n, [1, 4], 'other')], 4n)).toBe(2);
      expect(await durable()).toEqual({ contiguous: 4n, ranges: [] });
      const rows = await parked();
      expect(rows.map(({ reason }) => reason).toSorted()).toEqual(['conflict', 'partly-covered']);
      expect(rows[0]?.bytes).toBeInstanceOf(Uint8Array);
      const forget = (days: bigint) =>
        sql.transaction((tx) => forgetParkedBytes(tx, rows[0]!.parked_at + days * DAY_MICROS));
      await forget(90n);
      expect((await parked()).map(({ bytes }) => bytes)).not.toContain(null);
      await forget(91n);
      expect((await parked()).map(({ bytes }) => bytes)).toEqual([null, null]);
    });

    it('are the same when two consumers hold the partition at once', async () => {
      const events = Array.from({ length: 40 }, (_, index) =>
        logged(BigInt(index), [index * 2 + 1, index * 2 + 2]),
      );
      await Promise.all([
        apply(events.slice(0, 30), 30n),
        apply(events.slice(0, 20), 20n),
        apply(events.slice(0, 25), 25n),
      ]);
      await Promise.all([apply(events, 40n), apply(events.slice(10), 40n)]);
      expect(await durable()).toEqual({ contiguous: 80n, ranges: [] });
      expect(await parked()).toEqual([]);
    });

    it('remember the checksums of the last blocks, and only of those', async () => {
      const count = RECENT_BLOCKS_KEPT + 704;
      for (let from = 0; from < count; from += 200) {
        const batch = Array.from({ length: 200 }, (_, index) =>
          logged(BigInt(from + index), [from + index + 1, from + index + 1]),
        );
        await apply(batch, BigInt(from + 200));
      }
      const known = (at: bigint) => sql.read((db) => knownBlocks(db, KEY, { first: at, last: at }));
      expect(await known(1n)).toEqual([]);
      expect(await known(BigInt(count - RECENT_BLOCKS_KEPT + 1))).toHaveLength(1);
      const { rows } = await sql.read((db) =>
        db
          .selectFrom('recent_blocks')
          .select((eb) => eb.fn.countAll<bigint>().as('rows'))
          .executeTakeFirstOrThrow(),
      );
      expect(Number(rows)).toBeLessThan(RECENT_BLOCKS_KEPT + 512);
    });
  });

  describe.skipIf(skip)('a Hello', () => {
    it('is welcomed with what is held and what will never come', async () => {
      await apply([logged(0n, [1, 4])], 1n);
      const settled = { contiguous: 0n, ranges: [{ first: 7n, last: 8n }] };
      const lane = { ...KEY, accepted: 9n, acknowledged: EMPTY_POSITION, settled };
      expect(await welcome({ lanes: [lane] })).toEqual({
        kind: 'welcome',
        lanes: [
          {
            incarnation: 'i-1',
            lane: 'telemetry',
            durable: { contiguous: 4n, ranges: [] },
            gone: settled,
            told: true,
          },
        ],
      });
      expect(await events()).toEqual(['gateway.connected.v1']);
    });

    it('with an older turn fences the incarnation, once and for good', async () => {
      await welcome({ freshTurn: TURNS[0]! });
      expect(await sql.transaction((tx) => storeShown(tx, stream('s1'), TURNS[0]!))).toBe(
        'current',
      );
      const copy = { welcomesAtOpen: 1n, stream: stream('s2'), freshTurn: TURNS[1]! };
      expect(await welcome(copy)).toEqual({ kind: 'fenced', reason: 'turn' });
      expect(await welcome({ ...copy, lastTurn: TURNS[0]! })).toMatchObject({ kind: 'fenced' });
      const report = { bufferBytes: 1n, connectedDevices: 0, lanes: [] };
      const standing = sql.transaction((tx) =>
        storeReport(tx, stream('s1'), { ...occasion, report }),
      );
      expect(await standing).toBe('turn');
      expect(await events()).toEqual(['gateway.connected.v1', 'gateway.fenced.v1']);
    });

    it('that is late changes nothing', async () => {
      await welcome();
      expect(await welcome({ freshTurn: TURNS[1]! })).toEqual({ kind: 'stale' });
      const asked = { gatewayId: 'gw_1', incarnation: 'i-1', welcomesAtOpen: 0n };
      expect(await sql.read((db) => turnedAway(db, asked))).toEqual({ kind: 'stale' });
      expect(await events()).toEqual(['gateway.connected.v1']);
    });

    it('of two that come at once is welcomed for one stream only', async () => {
      const greetings = await Promise.all(
        TURNS.map((freshTurn, index) => welcome({ freshTurn, stream: stream(`s${index}`) })),
      );
      expect(greetings.filter(({ kind }) => kind === 'welcome')).toHaveLength(1);
      expect(greetings.filter(({ kind }) => kind === 'stale')).toHaveLength(3);
    });

    it('of a new incarnation supersedes the older ones, which are told nothing of', async () => {
      await welcome();
      const next = { ...stream('s2'), incarnation: 'i-2' };
      await welcome({ stream: next, welcomesAtOpen: 1n });
      const asked = { gatewayId: 'gw_1', incarnation: 'i-1', welcomesAtOpen: 2n };
      expect(await sql.read((db) => turnedAway(db, asked))).toEqual({
        kind: 'fenced',
        reason: 'turn',
      });
    });
  });

  describe.skipIf(skip)('the state of a gateway', () => {
    it('ends with the stream that it belongs to, not with an older one', async () => {
      await welcome();
      const end = (streamId: string) =>
        sql.transaction((tx) =>
          storeDisconnected(tx, stream(streamId), { ...occasion, reason: 'closed' }),
        );
      await end('older');
      expect(await events()).toEqual(['gateway.connected.v1']);
      await end('s1');
      await end('s1');
      expect(await events()).toEqual(['gateway.connected.v1', 'gateway.disconnected.v1']);
    });

    it('is lost when nobody heard of it for long', async () => {
      await welcome();
      const sweep = (silentSince: bigint) =>
        sql.transaction((tx) => storeLost(tx, { ...occasion, silentSince }));
      expect(await sweep(occasion.nowMicros)).toBe(0);
      expect(await sweep(occasion.nowMicros + 1n)).toBe(1);
      expect(await sweep(occasion.nowMicros + 1n)).toBe(0);
      expect(await events()).toEqual(['gateway.connected.v1', 'gateway.disconnected.v1']);
    });
  });
});

function stream(streamId: string): StreamIdentity {
  const peer = { gatewayId: 'gw_1', tenant: 'dev', site: 'site-1' };
  return { streamId, peer, incarnation: 'i-1' };
}

function hello(changes: Partial<HelloFacts>): HelloFacts {
  return {
    ...occasion,
    stream: stream('s1'),
    welcomesAtOpen: 0n,
    lastTurn: '',
    freshTurn: TURNS[0]!,
    softwareVersion: '0.1.0',
    lanes: [{ ...KEY, accepted: 99n, acknowledged: EMPTY_POSITION, settled: EMPTY_POSITION }],
    ...changes,
  };
}

function logged(offset: bigint, [first, last]: [number, number], checksum = 'aa'): LoggedBatch {
  const range = { first: BigInt(first), last: BigInt(last) };
  const batch: BatchIdentity = { ...KEY, range, checksum };
  return { batch, offset, bytes: Buffer.from(checksum) };
}
