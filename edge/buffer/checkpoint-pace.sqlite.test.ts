import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import Sqlite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { openBufferPages } from './buffer-pages.sqlite.ts';
import { CheckpointPace } from './checkpoint-pace.sqlite.ts';

it('keeps the log short under load, and lets it grow while writes are rare', async () => {
  const database = new Sqlite(':memory:');
  database.pragma('wal_autocheckpoint = 1024');
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
  expect(pages()).toBe(1024);
  await write(500, 5);
  expect(pages()).toBe(256);
  await write(30, 100);
  expect(pages()).toBe(1024);
  database.close();
});

it('begins the log anew after a write for which the disk was full', () => {
  const folder = mkdtempSync(join(tmpdir(), 'checkpoint-pace-'));
  try {
    const file = join(folder, 'file.sqlite');
    const database = openBufferPages(file);
    const pace = new CheckpointPace(database, simulatedClock());
    database.exec('create table kept (id integer primary key, bytes blob)');
    const keep = database.prepare('insert into kept (bytes) values (randomblob(65536))');
    for (let at = 0; at < 8; at++) keep.run();
    const full = (): never => {
      throw new AppError('BUFFER_FULL', 'the disk is full');
    };
    const logBytes = (): number => statSync(`${file}-wal`).size;
    const grown = logBytes();
    expect(() => pace.guard(full)).toThrow('the disk is full');
    for (let at = 0; at < 4; at++) keep.run();
    expect(logBytes()).toBe(grown);
    database.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
