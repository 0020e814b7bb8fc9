import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { expect, it } from 'vitest';
import { blockRecord, type Message } from '../blocks.fixture.ts';
import { TestConsumer } from '../databases.fixture.ts';
import { databaseForEach, onEachDatabase } from '../each-database.fixture.ts';
import { logPositions } from '../store/log-positions.ts';
import { SeriesReader } from '../store/readings.fixture.ts';
import type { TelemetryTables } from '../store/tables.ts';

const SERIES = { device: 'cold-01', metric: 't' };

function messages(values: readonly number[]): Message[] {
  return values.map((payload) => ({ channel: 't', payload, atMicros: payload }));
}

onEachDatabase('live blocks', (technology) => {
  let sql: Sql<TelemetryTables>;
  let consumer: TestConsumer;
  databaseForEach(technology, (opened) => {
    ({ sql, consumer } = opened);
  });

  const backlog = [1, 3, 5].map((first) => blockRecord(messages([first, first + 1]), { first }));
  const live = [7, 8].map((first) => blockRecord(messages([first]), { first, live: true }));
  const values = async (): Promise<unknown[]> => {
    const readings = await (await SeriesReader.of(sql, SERIES)).bySequence(100);
    return readings.map(({ content }) => content);
  };
  const nextOffset = async (): Promise<bigint | undefined> =>
    (await logPositions(sql, 'telemetry.batches')).get(0);

  it('are answered before the backlog that lies before them', async () => {
    await consumer.deliverLive([...backlog, ...live]);
    expect(await values()).toEqual([7, 8]);
    expect(await nextOffset()).toBeUndefined();
  });

  it('take effect once, whichever group comes first', async () => {
    await consumer.deliver(backlog.slice(0, 2));
    await consumer.deliverLive([...backlog, ...live]);
    await consumer.deliver([...backlog, ...live]);
    await consumer.deliverLive([...backlog, ...live]);
    expect(await values()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await nextOffset()).toBe(5n);
  });

  it('take effect once when both groups come at the same time', async () => {
    const other = new TestConsumer(sql);
    const all = [...backlog, ...live];
    await Promise.all([consumer.deliver(all), other.deliverLive(all)]);
    expect(await values()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
