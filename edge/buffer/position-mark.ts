import { crc32 } from 'node:zlib';
import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import { type PositionSet, sizeOf } from '@holdfast/shared/domain/ranges.ts';
import { openByteFile, openScratchFile } from '@holdfast/shared/runtime/files.ts';
import type { BufferStore, StreamKey } from './buffer-store.ts';

/** What one lane had reached. */
export interface MarkedStream extends StreamKey {
  readonly accepted: bigint;
  readonly acknowledged: PositionSet;
}

/**
 * How far the buffer had come, beside the buffer: the witness that tells a buffer from an older
 * state of itself, as a lost or cut write-ahead log leaves it, and that still knows the positions
 * when their page is damaged. It is written over after each commit and never synced: it outlives
 * the process, and after a power cut it may be older than the buffer, never newer.
 */
export interface PositionMark {
  readonly incarnation: string;
  /** Hexadecimal, as are both. */
  readonly turn: string;
  readonly turnBefore: string;
  readonly streams: readonly MarkedStream[];
}

const FILE_MODE = 0o600;
/** Two slots, written in turns, so that a torn write leaves the other one. */
const SLOT_BYTES = 64 * 1024;
const SLOTS = 2;
const HEAD_BYTES = 8;

export function markFileOf(bufferFile: string): string {
  return `${bufferFile}.mark`;
}

/** The newest slot that is whole; undefined when there is none. */
export function readMark(bufferFile: string): PositionMark | undefined {
  const file = openByteFile(markFileOf(bufferFile));
  if (!file) return undefined;
  try {
    const slots = Array.from({ length: SLOTS }, (_, at) =>
      parseSlot(file.read(at * SLOT_BYTES, SLOT_BYTES)),
    );
    const whole = slots.filter((slot) => slot !== undefined);
    return whole.sort((a, b) => b.count - a.count)[0]?.mark;
  } finally {
    file.close();
  }
}

/** Whether the mark speaks of this buffer, not of one that stood here before. */
export function isOf(mark: PositionMark, streams: readonly MarkedStream[]): boolean {
  return mark.streams.some(({ id, incarnation }) =>
    streams.some((row) => row.id === id && row.incarnation === incarnation),
  );
}

/** Why the buffer is older than what was written beside it; undefined when it is not. */
export function olderThan(
  mark: PositionMark,
  now: Omit<PositionMark, 'turnBefore'>,
): string | undefined {
  for (const { id, incarnation, lane, accepted, acknowledged } of mark.streams) {
    const row = now.streams.find((one) => one.id === id && one.incarnation === incarnation);
    if (!row) return `it does not know ${lane} of ${incarnation}`;
    if (row.accepted < accepted)
      return `it accepted ${lane} up to ${row.accepted}, and had come to ${accepted}`;
    if (sizeOf(row.acknowledged) < sizeOf(acknowledged))
      return `it lacks acknowledgements of ${lane}`;
  }
  const { incarnation, turn, turnBefore } = mark;
  const isTurnedBack =
    now.incarnation === incarnation && turn !== turnBefore && now.turn === turnBefore;
  return isTurnedBack ? 'its turn is the one before the last' : undefined;
}

/** The store, with the mark written after each commit that moves a position or the turn. */
export function markedStore(store: BufferStore, bufferFile: string): BufferStore {
  const mark = new MarkWriter(bufferFile, store);
  return {
    ...store,
    append(turn) {
      store.append(turn);
      if (turn.heads.length === 0) return;
      for (const { stream, accepted } of turn.heads) mark.move(stream, { accepted });
      mark.write();
    },
    acknowledge(stream, position, freed) {
      store.acknowledge(stream, position, freed);
      mark.move(stream, { acknowledged: position });
      mark.write();
    },
    holdTurn(turn) {
      store.holdTurn(turn);
      mark.turn(turn);
      mark.write();
    },
    close() {
      store.close();
      mark.close();
    },
  };
}

class MarkWriter {
  readonly #file;
  readonly #incarnation: string;
  readonly #streams: Map<number, MarkedStream>;
  /** Most of it stays as it is from one commit to the next. */
  readonly #texts = new Map<number, string>();
  #turn: string;
  #turnBefore: string;
  #count = 0;

  constructor(bufferFile: string, store: BufferStore) {
    this.#incarnation = store.incarnation;
    this.#streams = new Map(store.streams().map((row) => [row.id, row]));
    this.#turn = Buffer.from(store.turn()).toString('hex');
    this.#turnBefore = this.#turn;
    this.#file = openScratchFile(markFileOf(bufferFile), { mode: FILE_MODE });
    // What stood there is of an older life of the buffer.
    for (let slot = 0; slot < SLOTS; slot++) this.write();
  }

  move(id: number, changes: Partial<MarkedStream>): void {
    this.#streams.set(id, { ...this.#streams.get(id)!, ...changes });
    this.#texts.delete(id);
  }

  turn(turn: Uint8Array): void {
    this.#turnBefore = this.#turn;
    this.#turn = Buffer.from(turn).toString('hex');
  }

  write(): void {
    this.#count += 1;
    const body = Buffer.from(this.#text());
    const slot = Buffer.allocUnsafe(HEAD_BYTES + body.byteLength);
    slot.writeUInt32LE(body.byteLength, 0);
    slot.writeUInt32LE(crc32(body), 4);
    body.copy(slot, HEAD_BYTES);
    this.#file.write((this.#count % SLOTS) * SLOT_BYTES, slot);
  }

  close(): void {
    this.#file.close();
  }

  /** The newest lanes first: what does not fit is of the oldest incarnations. */
  #text(): string {
    const head = JSON.stringify({
      count: this.#count,
      incarnation: this.#incarnation,
      turn: this.#turn,
      turnBefore: this.#turnBefore,
    });
    const parts: string[] = [];
    let length = HEAD_BYTES + head.length;
    for (const stream of [...this.#streams.values()].reverse()) {
      const text = this.#texts.get(stream.id) ?? textOf(stream);
      this.#texts.set(stream.id, text);
      length += text.length + 1;
      if (length > SLOT_BYTES) break;
      parts.push(text);
    }
    return `${head}\n${parts.join('\n')}`;
  }
}

function textOf({ id, incarnation, lane, accepted, acknowledged }: MarkedStream): string {
  const { contiguous, ranges } = acknowledged;
  const flat = ranges.flatMap(({ first, last }) => [`${first}`, `${last}`]);
  return JSON.stringify([id, incarnation, lane, `${accepted}`, `${contiguous}`, ...flat]);
}

function parseSlot(slot: Buffer): { count: number; mark: PositionMark } | undefined {
  if (slot.byteLength < HEAD_BYTES) return undefined;
  const body = slot.subarray(HEAD_BYTES, HEAD_BYTES + slot.readUInt32LE(0));
  if (body.byteLength === 0 || crc32(body) !== slot.readUInt32LE(4)) return undefined;
  const [head, ...lines] = body.toString().split('\n');
  const { count, ...names } = JSON.parse(head!) as { count: number } & Omit<
    PositionMark,
    'streams'
  >;
  const streams = lines.filter(Boolean).map(streamOf).reverse();
  return { count, mark: { ...names, streams } };
}

function streamOf(line: string): MarkedStream {
  const [id, incarnation, name, ...numbers] = JSON.parse(line) as [number, string, string];
  const lane = LANES.find((known) => known === name) as Lane;
  const [accepted, contiguous, ...flat] = (numbers as string[]).map(BigInt);
  const ranges = flat.flatMap((first, at) =>
    at % 2 === 0 ? [{ first, last: flat[at + 1]! }] : [],
  );
  return {
    id,
    incarnation,
    lane,
    accepted: accepted!,
    acknowledged: { contiguous: contiguous!, ranges },
  };
}
