import type { Random } from '@holdfast/shared/runtime/random.ts';
import type { DiskOperation } from './operations.ts';

/** What changes a file itself, and is safe only after a sync. */
export type DataChange = Extract<DiskOperation, { kind: 'write' | 'resize' | 'mode' }>;

export interface FileState {
  /** May be longer than the file: what lies behind `size` is zero. */
  readonly bytes: Buffer;
  readonly size: number;
  readonly mode: number;
}

/** What becomes of the changes of one file that no sync made safe. */
export type FileFate =
  | { readonly kind: 'kept' }
  | { readonly kind: 'lost' }
  /** All up to some moment, none after it. */
  | { readonly kind: 'moment'; readonly random: Random }
  /** Each sector as it was at a moment of its own, and the size at another. */
  | {
      readonly kind: 'sectors';
      readonly random: Random;
      readonly sectorBytes: number;
      /** What a sector holds that the file gained and nothing wrote. */
      readonly gained: 'zeros' | 'stale';
    };

export const EMPTY_FILE = { bytes: Buffer.alloc(0), size: 0 };

/** Applies a change; writes into the state's own bytes where they have the room. */
export function changed(state: FileState, change: DataChange): FileState {
  if (change.kind === 'mode') return { ...state, mode: change.mode };
  if (change.kind === 'resize') {
    const bytes = withRoom(state, change.size);
    if (change.size < state.size) bytes.fill(0, change.size, state.size);
    return { ...state, bytes, size: change.size };
  }
  const end = change.offset + change.bytes.length;
  const bytes = withRoom(state, end);
  change.bytes.copy(bytes, change.offset);
  return { ...state, bytes, size: Math.max(state.size, end) };
}

/** The file after a power cut; the state itself stays as it is. */
export function surviving(
  state: FileState,
  changes: readonly DataChange[],
  fate: FileFate,
): FileState {
  const own = { ...state, bytes: Buffer.from(state.bytes.subarray(0, state.size)) };
  switch (fate.kind) {
    case 'lost':
      return own;
    case 'kept':
      return changes.reduce(changed, own);
    case 'moment':
      return changes.slice(0, fate.random.int(changes.length + 1)).reduce(changed, own);
    case 'sectors':
      return bySectors(own, changes, fate);
  }
}

function bySectors(
  state: FileState,
  changes: readonly DataChange[],
  { random, sectorBytes, gained }: Extract<FileFate, { kind: 'sectors' }>,
): FileState {
  const history = [{ size: state.size, mode: state.mode }];
  const touching = new Map<number, DataChange[]>();
  for (const change of changes) {
    const { size, mode } = history.at(-1)!;
    const [from, to] = extentOf(change, size);
    for (let at = Math.floor(from / sectorBytes); at * sectorBytes < to; at++) {
      const known = touching.get(at);
      if (known) known.push(change);
      else touching.set(at, [change]);
    }
    if (change.kind === 'mode') history.push({ size, mode: change.mode });
    else history.push({ size: change.kind === 'resize' ? change.size : Math.max(size, to), mode });
  }
  const final = history[random.int(history.length)]!;
  const longest = Math.max(...history.map(({ size }) => size));
  const bytes = Buffer.concat([state.bytes], longest);
  for (const [at, inOrder] of touching) {
    const start = at * sectorBytes;
    const sector = bytes.subarray(start, Math.min(start + sectorBytes, longest));
    const count = random.int(inOrder.length + 1);
    if (count === 0 && start >= state.size && gained === 'stale')
      random.bytes(sector.length).copy(sector);
    for (const change of inOrder.slice(0, count)) applyWithin(sector, start, change);
  }
  return { ...final, bytes: bytes.subarray(0, final.size) };
}

/** The bytes of the file that a change gives another value. */
function extentOf(change: DataChange, size: number): readonly [number, number] {
  if (change.kind === 'write') return [change.offset, change.offset + change.bytes.length];
  if (change.kind === 'resize' && change.size < size) return [change.size, size];
  return [0, 0];
}

function applyWithin(sector: Buffer, start: number, change: DataChange): void {
  if (change.kind === 'resize') sector.fill(0, Math.max(0, change.size - start));
  if (change.kind !== 'write') return;
  const from = Math.max(start, change.offset);
  const to = Math.min(start + sector.length, change.offset + change.bytes.length);
  change.bytes.copy(sector, from - start, from - change.offset, to - change.offset);
}

function withRoom({ bytes, size }: FileState, wanted: number): Buffer {
  if (bytes.length >= wanted) return bytes;
  const grown = Buffer.alloc(Math.max(wanted, bytes.length * 2));
  bytes.copy(grown, 0, 0, size);
  return grown;
}
