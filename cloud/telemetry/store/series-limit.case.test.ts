import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { expect, it } from 'vitest';
import { blockRecord } from '../blocks.fixture.ts';
import { TestConsumer } from '../databases.fixture.ts';
import { OVERFLOW_METRIC, SERIES_PER_DEVICE_MAX } from '../domain/overflow-series.ts';
import { databaseForEach, onEachDatabase } from '../each-database.fixture.ts';
import { SeriesReader } from './readings.fixture.ts';
import type { TelemetryTables } from './tables.ts';

onEachDatabase('a device that invents metrics', (technology) => {
  let sql: Sql<TelemetryTables>;
  databaseForEach(technology, (opened) => {
    ({ sql } = opened);
  });

  const seriesOf = async (device: string): Promise<string[]> => {
    const rows = await sql.read((db) =>
      db.selectFrom('series').select('metric').where('device', '=', device).execute(),
    );
    return rows.map(({ metric }) => metric);
  };
  const texts = async (metric: string): Promise<unknown[]> => {
    const reader = await SeriesReader.of(sql, { device: 'cold-01', metric });
    const readings = await reader.bySequence(2);
    return readings.map(({ sequence, content }) =>
      typeof content === 'number'
        ? content
        : [sequence, JSON.parse(Buffer.from(content).toString())],
    );
  };

  it('keeps what it says beyond its limit in one metric, and hinders no other device', async () => {
    const consumer = new TestConsumer(sql);
    const channels = Array.from({ length: SERIES_PER_DEVICE_MAX - 1 }, (_, index) => `c${index}`);
    const first = channels.map((channel) => ({ channel, payload: 1 }));
    const more = [{ channel: 'x', payload: { value: 1, unit: 'Cel', ok: true } }];
    const known = [{ channel: 'c0', payload: 2 }];
    const other = [{ device: 'cold-02', channel: 'y', payload: 3 }];
    await consumer.deliver([blockRecord(first)]);
    const next = [...more, ...known, ...other, ...more];
    await consumer.deliver([blockRecord(next, { first: SERIES_PER_DEVICE_MAX })], 1);
    // Another process, whose memory is empty.
    await new TestConsumer(sql).deliver([blockRecord(more, { first: 2_000 })], 2);
    const metrics = await seriesOf('cold-01');
    expect(metrics.length).toBe(SERIES_PER_DEVICE_MAX + 1);
    expect(await seriesOf('cold-02')).toEqual(['y']);
    expect(await texts('x')).toEqual([1, 1, 1]);
    expect(await texts('c0')).toEqual([1, 2]);
    const rest = { 'x.unit': 'Cel', 'x.ok': 1 };
    expect(await texts(OVERFLOW_METRIC)).toEqual([
      [SERIES_PER_DEVICE_MAX, rest],
      [SERIES_PER_DEVICE_MAX + 3, rest],
      [2_000, rest],
    ]);
  });
});
