import { statSync } from 'node:fs';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import {
  assertDurable,
  type Database,
  isCorrupt,
  isHalfMade,
  sqliteCode,
} from '@holdfast/shared/runtime/sqlite.ts';
import { openBufferPages, openBufferPagesReadonly } from './buffer-pages.sqlite.ts';
import { bufferOnDisk } from './buffer-reader.sqlite.ts';
import { checkFormat, createBuffer, incarnationOf, tableCount } from './buffer-schema.sqlite.ts';
import { sqliteBufferStore } from './buffer-store.sqlite.ts';
import type { OpenedStore } from './buffer-store.ts';
import type { BufferReader } from './inspection/buffer-reader.ts';
import { isOf, markedStore, olderThan, readMark } from './position-mark.ts';
import { logDamage, resumeSalvage, salvageBuffer } from './salvaged-file.sqlite.ts';
import type { Remedy } from './store-faults.ts';
import { bytesOf, inlineWriter } from './store-writer.ts';
import { startThreadWriter } from './thread-writer.sqlite.ts';

/**
 * Opens the buffer's file and reads its positions, or makes it under a new incarnation. A damaged
 * file is set aside and kept; a fresh one with all that is readable of it takes its place, and what
 * is not readable is settled as damaged: the gateway starts (I2, I3), and no sequence is given out
 * twice under one incarnation (I6).
 * Throws PROTOCOL_UNSUPPORTED when a later version wrote the file.
 */
export function openBufferStore(
  path: string,
  runtime: Runtime,
  options: BufferFileOptions = {},
): OpenedStore {
  const resumed = resumeSalvage(path, runtime);
  try {
    if (resumed === undefined) checkNothingIsGone(path, runtime);
    return { ...openOrCreate(path, runtime, options), quarantined: resumed };
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    runtime.log.error({ err: cause }, 'the buffer is damaged: what is readable is salvaged');
    const quarantined = salvageBuffer(path, runtime);
    return { ...openOrCreate(path, runtime, options), quarantined };
  }
}

/**
 * After a failed sync the system takes its pages for written, and they are not: what is committed
 * next would stand on a gap. So all of the log is written into the file and synced there, before
 * anything is accepted again.
 */
function openAgain(
  path: string,
  runtime: Runtime,
  { writes, remedy }: BufferFileOptions & { remedy: Remedy },
): OpenedStore {
  if (remedy === 'salvage') salvageBuffer(path, runtime);
  else syncAll(path);
  return openBufferStore(path, runtime, writes ? { writes } : {});
}

function syncAll(path: string): void {
  const database = openBufferPages(path);
  try {
    const [checkpoint] = database.pragma('wal_checkpoint(TRUNCATE)') as { busy: bigint }[];
    if (checkpoint?.busy === 0n) return;
    throw new AppError('UNAVAILABLE', `the log of ${path} could not be written into it`);
  } finally {
    database.close();
  }
}

/**
 * Through a connection that cannot write: whoever may tidies the log when it goes, and with it the
 * frames of a last transaction whose end is missing, from which a salvage still takes rows.
 */
function checkNothingIsGone(path: string, runtime: Runtime): void {
  const damage = logDamage(path);
  if (damage !== undefined) throw new AppError('STORE_DAMAGED', damage);
  const isEmpty = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
  if (isEmpty) return;
  const database = openToLook(path);
  try {
    if (tableCount(database) === 0n) return;
    checkFormat(database, path);
    judgePositions(database, path, runtime);
  } finally {
    database.close();
  }
}

function openToLook(path: string): Database {
  try {
    return openBufferPagesReadonly(path);
  } catch (cause) {
    if (!isHalfMade(cause)) throw cause;
    // Nothing is in its log yet that could be tidied away.
    openBufferPages(path).close();
    return openBufferPagesReadonly(path);
  }
}

/** Damaged, cut off, or unreadable where the disk itself fails. */
function isDamage(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : undefined;
  return isCorrupt(error) || isUnreadable(error) || isUnreadable(cause);
}

function isUnreadable(error: unknown): boolean {
  return ['SQLITE_IOERR_READ', 'SQLITE_IOERR_SHORT_READ'].includes(sqliteCode(error));
}

/**
 * A fast disk syncs thousands of times a second. Each commit takes processor time and some 10 KB on
 * the disk beside its messages, so under load it shares them among more messages.
 */
const COMMIT_SPACING_MS = 1;

export interface BufferFileOptions {
  /** `thread` keeps the sync of each commit off the event loop; its twin takes no thread. */
  readonly writes?: 'thread' | 'inline';
}

function openOrCreate(
  path: string,
  runtime: Runtime,
  { writes = 'inline' }: BufferFileOptions,
): Omit<OpenedStore, 'quarantined'> {
  const database = openBufferPages(path);
  try {
    if (tableCount(database) === 0n) {
      if (readMark(path)) throw new AppError('STORE_DAMAGED', 'the buffer holds nothing, and did');
      createBuffer(database, runtime);
    }
    checkFormat(database, path);
    assertDurable(database);
    const core = sqliteBufferStore(database, incarnationOf(database, path), runtime);
    const store = writes === 'inline' ? markedStore(core, path) : core;
    const { incarnation } = store;
    const soon = (callback: () => void): void => void setImmediate(callback);
    const reopen = (remedy: Remedy): OpenedStore => openAgain(path, runtime, { writes, remedy });
    const look = (): BufferReader => bufferOnDisk(path).open();
    const opened = {
      commitSpacingMs: writes === 'thread' ? COMMIT_SPACING_MS : 0,
      incarnation,
      turn: store.turn(),
      streams: store.streams(),
      reads: store,
      soon,
      reopen,
      look,
    };
    if (writes === 'inline')
      return { ...opened, writer: inlineWriter(store), close: async () => store.close() };
    const writer = startThreadWriter({ path, incarnation, bytes: bytesOf(store), runtime });
    // From here on this connection only reads. It goes first: the last one to go tidies the file.
    database.pragma('query_only = on');
    const close = (): Promise<void> => {
      store.close();
      return writer.close();
    };
    return { ...opened, writer, close };
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/**
 * The file against what was written beside it after each commit: older than that it is damaged.
 * Without a mark of its own it is believed, as a backup or an upgrade leaves it: what it lacks then
 * the cloud sees by turn and positions, and fences (I6).
 */
function judgePositions(database: Database, path: string, runtime: Runtime): void {
  const { incarnation, turn, streams } = positionsOf(database, path, runtime);
  const mark = readMark(path);
  if (!mark || !isOf(mark, streams)) return;
  const older = olderThan(mark, { incarnation, turn, streams });
  if (older !== undefined) throw new AppError('STORE_DAMAGED', `the buffer is old: ${older}`);
}

function positionsOf(database: Database, path: string, runtime: Runtime) {
  const store = sqliteBufferStore(database, incarnationOf(database, path), runtime);
  const turn = Buffer.from(store.turn()).toString('hex');
  return { incarnation: store.incarnation, turn, streams: store.streams() };
}
