import type { ParkedBlock } from '@holdfast/shared/domain/block-event.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { expect, it } from 'vitest';
import { databaseForEach, onEachDatabase } from '../each-database.fixture.ts';
import { parkedOf } from './gateways.ts';
import { FORGOTTEN_DETAIL, forgetParked, PARKED_WITH_BYTES_MAX, park } from './parked.ts';
import type { TelemetryTables } from './tables.ts';

const key = { tenant: 'dev', gatewayId: 'gw_1', incarnation: '01a', lane: 'telemetry' as const };

function blocks(from: number, count: number, changes: Partial<ParkedBlock> = {}): ParkedBlock[] {
  return Array.from({ length: count }, (_, index) => ({
    reason: 'checksum',
    detail: 'spoilt',
    origin: {
      topic: 'telemetry.batches',
      partition: 0,
      offset: BigInt(from + index),
      body: Buffer.from('bytes'),
    },
    recordCount: 2,
    key,
    ...changes,
  }));
}

onEachDatabase('parked blocks', (technology) => {
  let sql: Sql<TelemetryTables>;
  databaseForEach(technology, (opened) => {
    ({ sql } = opened);
  });

  const parkAll = (parked: readonly ParkedBlock[], at: bigint): Promise<void> =>
    sql.transaction((tx) => park(tx, parked, at));
  const rows = () =>
    sql.read((db) => db.selectFrom('parked').selectAll().orderBy('log_offset').execute());
  const counted = async () =>
    (await sql.read((db) => parkedOf(db, 'dev', ['gw_1']))).map(({ records }) => records);

  it('keep the bytes of so many of one gateway, and the record of all', async () => {
    await parkAll(blocks(0, PARKED_WITH_BYTES_MAX - 1), 1n);
    await parkAll(blocks(PARKED_WITH_BYTES_MAX - 1, 3), 2n);
    await parkAll(blocks(0, 1, { key: { ...key, gatewayId: 'gw_2' } }), 2n);
    const sizes = (await rows())
      .filter((row) => row.gateway_id === 'gw_1')
      .map(({ body }) => body.byteLength);
    expect(sizes.length).toBe(PARKED_WITH_BYTES_MAX + 2);
    expect(sizes.slice(-3)).toEqual([5, 0, 0]);
    expect(await counted()).toEqual([BigInt(2 * (PARKED_WITH_BYTES_MAX + 2))]);
  });

  it('become one row of each reason after their time, and count as before', async () => {
    const unknown = blocks(20, 2, { reason: 'unreadable', key: {}, recordCount: 0 });
    await parkAll([...blocks(0, 3), ...blocks(10, 2, { reason: 'undecodable' }), ...unknown], 1n);
    await parkAll(blocks(30, 1), 5n);
    expect(await forgetParked(sql, 5n)).toBe(7);
    await parkAll(blocks(40, 2), 5n);
    expect(await forgetParked(sql, 6n)).toBe(3);
    expect(await forgetParked(sql, 6n)).toBe(0);
    expect(await rows()).toMatchObject([
      { reason: 'checksum', record_count: 12n, detail: FORGOTTEN_DETAIL, gateway_id: 'gw_1' },
      { reason: 'undecodable', record_count: 4n, detail: FORGOTTEN_DETAIL },
      { reason: 'unreadable', record_count: 0n, detail: FORGOTTEN_DETAIL, gateway_id: null },
    ]);
    expect((await rows()).every(({ body }) => body.byteLength === 0)).toBe(true);
    expect(await counted()).toEqual([16n]);
  });
});
