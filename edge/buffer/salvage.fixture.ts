import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import Sqlite from 'better-sqlite3';
import { keyed, payloads, type World } from './buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from './buffer.ts';

const COUNT = 60;
const PAGE_BYTES = 1024;
const WELL_MS_MAX = 10_000;

export function texts(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, at) => `${from + at}`);
}

/**
 * Sixty messages, one group each: 1–10 delivered, 11–30 in blocks, the others unsealed. Left as
 * after a kill, or as after a stop.
 */
export async function fill(place: World, { killed }: { killed: boolean }): Promise<string> {
  const first = place.open();
  for (let at = 1; at <= COUNT; at++) {
    await first.append(keyed(at, { payload: Buffer.from(`${at}`) }));
    if (at % 10 === 0 && at <= 30) await first.seal('telemetry');
  }
  await first.holdTurn(Buffer.alloc(16, 7));
  const delivered = { contiguous: 10n, ranges: [] };
  await first.acknowledge(first.incarnation, 'telemetry', delivered);
  const { incarnation } = first;
  const suffixes = ['', '-wal', '.mark'].filter((suffix) => existsSync(place.file + suffix));
  for (const suffix of suffixes) copyFileSync(place.file + suffix, `${place.file}${suffix}.copy`);
  await first.close();
  if (killed)
    for (const suffix of suffixes) copyFileSync(`${place.file}${suffix}.copy`, place.file + suffix);
  for (const suffix of suffixes) rmSync(`${place.file}${suffix}.copy`);
  return incarnation;
}

export function telemetry(of: GatewayBuffer) {
  return of.ledger(new Map()).find(({ lane }) => lane === 'telemetry')!;
}

/** Everything that would travel, of whatever incarnation, oldest first. */
export async function pendingTexts(of: GatewayBuffer): Promise<string[]> {
  await of.seal('telemetry');
  const incarnations = [...new Set(of.positions().map(({ incarnation }) => incarnation))].sort();
  const heads = incarnations.flatMap((one) => of.sealed(one, 'telemetry', 1n, 1_000));
  return payloads(of, heads);
}

export function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.byteLength, at);
  closeSync(handle);
}

/** The pages of a table, by its name; `kind` tells inner pages of the tree from leaves. */
export function pagesOf(file: string, table: string, kind: 'leaf' | 'internal' = 'leaf'): number[] {
  const database = new Sqlite(file, { readonly: true });
  const pages = database
    .prepare('select pageno from dbstat where name = ? and pagetype = ? order by path')
    .pluck()
    .all(table, kind) as number[];
  database.close();
  return pages;
}

/** Also when the first page is destroyed, which says where they are. */
export function pagesOfStreams(path: string): number[] {
  const file = readFileSync(path);
  return Array.from({ length: file.byteLength / PAGE_BYTES }, (_, at) => at + 1).filter((page) => {
    const bytes = file.subarray((page - 1) * PAGE_BYTES, page * PAGE_BYTES);
    return bytes.includes('"contiguous"') && bytes[0] === 0x0d;
  });
}

export function destroyPage(file: string, page: number): void {
  overwrite(file, (page - 1) * PAGE_BYTES, Buffer.alloc(PAGE_BYTES, 0xa5));
}

/** A new file as a kill leaves it that falls into its first change, before it has a log. */
export function leaveHalfMade(file: string): void {
  const writing = new Sqlite(`${file}.writing`);
  writing.pragma(`page_size = ${PAGE_BYTES}`);
  writing.pragma('cache_size = 1');
  writing.exec('begin; create table t (a); insert into t values (zeroblob(100000))');
  for (const suffix of ['', '-journal'])
    copyFileSync(`${file}.writing${suffix}`, `${file}${suffix}`);
  writing.exec('rollback');
  writing.close();
  rmSync(`${file}.writing`);
}

/** Asked again and again; for what happens beside the work. */
export async function untilWell(condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = systemClock.monotonicMs() + WELL_MS_MAX;
  while (!(await condition())) {
    if (systemClock.monotonicMs() > giveUpAt) throw new Error('the buffer did not get well');
    await systemClock.sleep(5);
  }
}
