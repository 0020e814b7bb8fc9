import { existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { BlockForm } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { uuidV7 } from '@holdfast/shared/lib/ids.ts';
import { openByteFile, syncFolder } from '@holdfast/shared/runtime/files.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import {
  type Database,
  moveSqliteFile,
  setAsideSqliteFile,
} from '@holdfast/shared/runtime/sqlite.ts';
import { openBufferPages } from './buffer-pages.sqlite.ts';
import {
  BUFFER_FORMAT,
  beginIncarnation,
  insertStream,
  SCHEMA,
  setMeta,
} from './buffer-schema.sqlite.ts';
import { readMark } from './position-mark.ts';
import { positionToText } from './position-text.ts';
import { Evidence, type SalvagedStream } from './salvage/evidence.ts';
import { openPages, type PageFile } from './salvage/page-rows.ts';
import { type ReadableRow, readableRow } from './salvage/readable-row.ts';
import { type Bytes, readWal } from './salvage/wal-frames.ts';
import { SalvageFilling } from './salvage-filling.sqlite.ts';

/** Who waits longer than this is told how far it is, each time again. */
const PROGRESS_MS = 2_000;
const FILE_MODE = 0o600;

/** The present salvage; there is at most one. Where it is, a start goes on with it. */
const salvagingName = (path: string): string => `${path}.salvaging`;
const freshName = (path: string): string => `${path}.fresh`;

/**
 * Ends a salvage that was begun and not ended; undefined when there is none. The names say how far
 * it had come: until the fresh file has the buffer's own name, all of it is done again.
 */
export function resumeSalvage(path: string, runtime: Runtime): string | undefined {
  if (!existsSync(salvagingName(path))) return undefined;
  return existsSync(path) ? endSalvage(path, runtime) : refill(path, runtime);
}

/**
 * Puts a fresh file with all that is readable of the damaged one in its place. Returns where the
 * damaged one is kept. Killed at any point, the next start goes on (`resumeSalvage`); when it
 * throws, the next call does.
 */
export function salvageBuffer(path: string, runtime: Runtime): string {
  const salvaging = salvagingName(path);
  // One that was begun and failed is gone on with: what it holds must not be moved over.
  if (existsSync(salvaging) && !existsSync(path)) return refill(path, runtime);
  if (existsSync(salvaging)) endSalvage(path, runtime);
  // What an earlier salvage may have left of its own log is no part of this file.
  rmSync(`${salvaging}-wal`, { force: true });
  // Where only the log is left, an empty file stands for the one that is gone.
  if (!existsSync(path)) writeFileSync(path, '', { mode: FILE_MODE });
  moveSqliteFile(path, salvaging);
  runtime.steps.reach('buffer.salvage.moved');
  return refill(path, runtime);
}

/**
 * Why the log beside the file, or the lack of the file, means that committed data is gone; SQLite
 * itself would say nothing. Asked before SQLite sees them: it deletes the log of an empty file.
 */
export function logDamage(path: string): string | undefined {
  const isEmpty = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
  if (isEmpty && readMark(path)) return 'the buffer file is gone';
  return withBytes(`${path}-wal`, (wal) => {
    if (!wal) return undefined;
    const { isDamaged, images } = readWal(wal);
    if (isEmpty && images.size > 0) return 'the buffer file is gone, and its log is not';
    return isDamaged ? 'the write-ahead log of the buffer is damaged' : undefined;
  });
}

function refill(path: string, runtime: Runtime): string {
  const salvaging = salvagingName(path);
  // Killed between the two renames, the log still lies under the buffer's name.
  moveSqliteFile(path, salvaging);
  const fresh = freshName(path);
  for (const suffix of ['', '-wal', '-shm']) rmSync(fresh + suffix, { force: true });
  withBytes(salvaging, (file) =>
    withBytes(`${salvaging}-wal`, (wal) => {
      const pages = openPages(file ?? NO_BYTES, wal);
      fill(fresh, { pages, path, runtime });
    }),
  );
  runtime.steps.reach('buffer.salvage.filled');
  renameSync(fresh, path);
  syncFolder(dirname(path));
  runtime.steps.reach('buffer.salvage.placed');
  return endSalvage(path, runtime);
}

function endSalvage(path: string, { clock }: Runtime): string {
  return setAsideSqliteFile(salvagingName(path), clock.nowMicros(), path);
}

/** The fresh file is whole and synced when this returns. */
function fill(
  fresh: string,
  { pages, path, runtime }: { pages: PageFile; path: string; runtime: Runtime },
): void {
  const progress = createProgress(pages.pageCount, runtime);
  const mark = readMark(path);
  const evidence = new Evidence(mark);
  for (const { row } of rowsOf(pages, { progress, withFree: false })) evidence.note(row);
  const { clock, random, log } = runtime;
  const streams = evidence.streams(() => uuidV7(clock.now(), random.bytes(10)));
  const kept = evidence.incarnationToKeep(streams, pages.isLogDamaged);
  const database = openBufferPages(fresh);
  try {
    database.transaction(() => begin(database, { evidence, streams, kept, runtime })).immediate();
    const filling = new SalvageFilling(database, streams);
    takeAll(filling, { pages, progress });
    filling.settleGaps(clock.nowMicros());
    filling.commit();
    const { blocks, groups, kept: messages, damaged } = filling.counts;
    const found = { blocks, groups, messages: Number(messages), damaged: Number(damaged) };
    const record = { atMicros: `${clock.nowMicros()}`, ...found, newIncarnation: !kept };
    setMeta(database, 'salvage', JSON.stringify(record));
    log.warn(record, 'the buffer was salvaged');
  } finally {
    database.close();
  }
}

function begin(
  database: Database,
  what: {
    evidence: Evidence;
    streams: readonly SalvagedStream[];
    kept: string | undefined;
    runtime: Runtime;
  },
): void {
  database.exec(SCHEMA);
  for (const [name, value] of what.evidence.meta)
    if (typeof value === 'string' || typeof value === 'bigint' || value instanceof Uint8Array)
      setMeta(database, name, value);
  setMeta(database, 'format', BigInt(BUFFER_FORMAT));
  for (const stream of what.streams) {
    insertStream(database, stream);
    // What was sent is not known any more: nothing that the cloud may hold is condensed or dropped.
    const sent = positionToText({ contiguous: stream.accepted, ranges: [] });
    setMeta(database, `sent/${stream.id}`, sent);
  }
  if (what.kept === undefined) beginIncarnation(database, what.runtime);
}

/** What stands for more goes first: of two that overlap the first one is kept. */
function takeAll(
  filling: SalvageFilling,
  { pages, progress }: { pages: PageFile; progress: () => void },
): void {
  const from = { progress, withFree: true };
  for (const { row, isOld } of rowsOf(pages, from)) {
    if (row.kind === 'block' && row.block.form === BlockForm.BLOCK_FORM_CONDENSED)
      filling.takeBlock(row, isOld);
    else if (!isOld) filling.takeOther(row);
  }
  for (const { row, isOld } of rowsOf(pages, from))
    if (row.kind === 'block') filling.takeBlock(row, isOld);
  for (const { row, isOld } of rowsOf(pages, from))
    if (row.kind === 'group') filling.takeGroup(row, isOld);
}

/** Pages in use first, then those that were given back: what is new comes before what is old. */
function* rowsOf(
  pages: PageFile,
  { progress, withFree }: { progress: () => void; withFree: boolean },
): Generator<{ row: ReadableRow; isOld: boolean }, void> {
  for (const isOld of withFree ? [false, true] : [false])
    for (let page = 1; page <= pages.pageCount; page++) {
      if (pages.free.has(page) !== isOld) continue;
      for (const found of pages.rows(page)) {
        const row = readableRow(found);
        if (row) yield { row, isOld };
      }
      progress();
    }
}

/** Each page is looked at four times: for what it says of the positions, and in three takes. */
const LOOKS = 4;

function createProgress(pageCount: number, { clock, log }: Runtime): () => void {
  let looked = 0;
  let saidMs = clock.monotonicMs();
  return () => {
    looked += 1;
    const nowMs = clock.monotonicMs();
    if (nowMs - saidMs < PROGRESS_MS) return;
    saidMs = nowMs;
    const percent = Math.floor((looked * 100) / (pageCount * LOOKS));
    log.info({ percent }, 'salvaging the buffer …');
  };
}

const NO_BYTES: Bytes = { size: 0, read: () => new Uint8Array() };

function withBytes<T>(path: string, work: (bytes: Bytes | undefined) => T): T {
  const file = openByteFile(path);
  try {
    return work(file);
  } finally {
    file?.close();
  }
}
