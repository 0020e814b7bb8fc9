import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import Sqlite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { CheckpointPace } from './checkpoint-pace.sqlite.ts';

it('is small while writes follow each other, and large again when they are rare', async () => {
  const database = new Sqlite(':memory:');
  database.pragma('wal_autocheckpoint = 4096');
  const clock = simulatedClock();
  const pace = new CheckpointPace(database, clock);
  const pages = () => database.pragma('wal_autocheckpoint', { simple: true });
  const write = async (count: number, everyMs: number): Promise<void> => {
    for (let at = 0; at < count; at++) {
      await clock.advance(everyMs);
      pace.wrote();
    }
  };
  await write(20, 100);
  expect(pages()).toBe(4096);
  await write(500, 5);
  expect(pages()).toBe(64);
  await write(30, 100);
  expect(pages()).toBe(4096);
  database.close();
});
