import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import type { ReceiveTime } from '@holdfast/shared/lib/block-body.ts';
import { BodyBuilder, recordBytesMax } from '@holdfast/shared/lib/body-builder.ts';
import {
  type AcceptedMessage,
  type AppendOutcome,
  BLOCK_BYTES_MAX,
  BLOCK_RECORDS_MAX,
  type DeviceKey,
  type Exchange,
  PAYLOAD_BYTES_MAX,
} from './buffer.ts';
import type {
  ExchangeChange,
  GroupRow,
  StoreReads,
  StreamHead,
  TurnWrite,
  WindowRow,
} from './buffer-store.ts';
import {
  type BootWindow,
  DeviceWindows,
  type KeyVerdict,
  WINDOW_BYTES_MAX,
  windowToBytes,
} from './device-window.ts';
import type { LaneStream } from './lane-stream.ts';

/** Devices and clients whose keys stay in memory; the others are read again when they speak. */
const CACHED_MAX = 10_000;
/** Device keys are 63-bit: what a SQLite integer holds. */
const KEY_SEQUENCE_MAX = 2n ** 63n - 1n;
/** What a row takes in the file beside its body, roughly; for the budget. */
const ROW_BYTES = 64;

/**
 * Judges each call as it comes, and numbers what is new. Pure but for reading keys that it has not
 * seen yet: nothing is on disk until the store has written the turn. A turn may be judged on top of
 * those that are still being written; `reset` forgets everything that was assumed.
 */
export class Intake {
  readonly #reads: StoreReads;
  readonly #usedBytes: () => number;
  readonly #streams: ReadonlyMap<Lane, LaneStream>;
  readonly #limitOf: (lane: Lane) => number;
  readonly #windows = new Map<string, Known<DeviceWindows>>();
  readonly #exchanges = new Map<string, Known<Set<number>>>();
  /** The lanes' heads with everything that was judged, written or not. */
  #heads = new Map<Lane, Head>();
  /** Each turn's bodies are written by those of the turn before. */
  readonly #builders: BodyBuilder[] = [];
  #turn = new Turn(this.#builders);
  /** Turns since the start, and how many of them are on disk. */
  #turns = 1;
  #turnsWritten = 0;
  /** What each finished turn that is not on disk yet adds to the file. */
  readonly #unwritten: number[] = [];
  #unwrittenBytes = 0;

  constructor(options: {
    reads: StoreReads;
    /** What the file holds, after the last write. */
    usedBytes: () => number;
    streams: ReadonlyMap<Lane, LaneStream>;
    /** Up to where the lane may fill the file, in bytes. */
    limitOf: (lane: Lane) => number;
  }) {
    this.#reads = options.reads;
    this.#usedBytes = options.usedBytes;
    this.#streams = options.streams;
    this.#limitOf = options.limitOf;
    this.reset();
  }

  append(message: AcceptedMessage, received: ReceiveTime): AppendOutcome {
    const turn = this.#turn;
    assert(message.payload.byteLength <= PAYLOAD_BYTES_MAX, 'the frame guard refuses larger ones');
    const head = this.#heads.get(message.lane)!;
    const verdict = this.#judge(message);
    if (verdict === 'seen') {
      head.duplicates += 1;
      turn.touch(head);
      return { kind: 'duplicate' };
    }
    const bytes = message.payload.byteLength + ROW_BYTES;
    const used = this.#usedBytes() + this.#unwrittenBytes + turn.bytes;
    if (used + bytes > this.#limitOf(message.lane)) return { kind: 'full', lane: message.lane };
    if (verdict === 'new') this.#mark(message.device!, message.key!);
    else head.unkeyed += 1;
    if (message.exchange) this.#takeExchange(message.exchange);
    head.accepted += 1n;
    turn.add(head, message, received);
    turn.bytes += bytes;
    return { kind: 'stored', sequence: head.accepted };
  }

  release(exchange: Exchange): void {
    const known = this.#exchangesOf(exchange.clientId);
    if (!known.is.delete(exchange.packetId)) return;
    known.turn = this.#turns;
    this.#turn.exchanges.push({ kind: 'released', exchange });
  }

  forget(clientId: string): void {
    const known = this.#exchangesOf(clientId);
    if (known.is.size === 0) return;
    known.is.clear();
    known.turn = this.#turns;
    this.#turn.exchanges.push({ kind: 'forgotten', clientId });
  }

  /** What the turn makes durable; the next call begins another one. */
  finish(): TurnWrite {
    const turn = this.#turn;
    this.#turn = new Turn(this.#builders);
    this.#turns += 1;
    this.#unwritten.push(turn.bytes);
    this.#unwrittenBytes += turn.bytes;
    this.#trim();
    return turn.finish();
  }

  /** The oldest finished turn is on disk. */
  written(): void {
    this.#turnsWritten += 1;
    this.#unwrittenBytes -= this.#unwritten.shift()!;
  }

  reset(): void {
    this.#windows.clear();
    this.#exchanges.clear();
    this.#turn = new Turn(this.#builders);
    this.#turnsWritten = this.#turns - 1;
    this.#unwritten.length = 0;
    this.#unwrittenBytes = 0;
    this.#heads = new Map(
      [...this.#streams].map(([lane, { id, accepted, unkeyed, duplicates }]) => [
        lane,
        { stream: id, accepted, unkeyed, duplicates },
      ]),
    );
  }

  /** `unkeyed` and `unknown`: a repeat of it could not be recognised. */
  #judge({ device, key, exchange }: AcceptedMessage): KeyVerdict | 'unkeyed' {
    // The packet id stands for the same message until its PUBREL [MQTT-4.3.3-2].
    if (exchange && this.#exchangesOf(exchange.clientId).is.has(exchange.packetId)) return 'seen';
    if (!key || device === undefined) return 'unkeyed';
    assert(key.sequence >= 0n && key.sequence <= KEY_SEQUENCE_MAX, 'a device key has 63 bits');
    return this.#windowsOf(device).is.judge(key);
  }

  #mark(device: string, key: DeviceKey): void {
    const known = this.#windowsOf(device);
    known.turn = this.#turns;
    const { window, evicted } = known.is.mark(key);
    this.#turn.mark(device, window, evicted);
  }

  #takeExchange(exchange: Exchange): void {
    const known = this.#exchangesOf(exchange.clientId);
    known.turn = this.#turns;
    known.is.add(exchange.packetId);
    this.#turn.exchanges.push({ kind: 'taken', exchange });
  }

  #windowsOf(device: string): Known<DeviceWindows> {
    const known = this.#windows.get(device);
    if (known) return known;
    const read = { is: new DeviceWindows(this.#reads.windows(device)), turn: 0 };
    this.#windows.set(device, read);
    return read;
  }

  #exchangesOf(clientId: string): Known<Set<number>> {
    const known = this.#exchanges.get(clientId);
    if (known) return known;
    const read = { is: new Set(this.#reads.exchanges(clientId)), turn: 0 };
    this.#exchanges.set(clientId, read);
    return read;
  }

  /** What a turn changed must stay until that is on disk: what is read again would be older. */
  #trim(): void {
    for (const cache of [this.#windows, this.#exchanges]) {
      if (cache.size <= CACHED_MAX) continue;
      for (const [name, { turn }] of cache) {
        if (cache.size <= CACHED_MAX) break;
        if (turn <= this.#turnsWritten) cache.delete(name);
      }
    }
  }
}

/** Something of the store's in memory, and the last turn that changed it. */
interface Known<T> {
  readonly is: T;
  turn: number;
}

interface Head {
  readonly stream: number;
  accepted: bigint;
  unkeyed: number;
  duplicates: number;
}

/** One turn while it is judged. */
class Turn {
  readonly exchanges: ExchangeChange[] = [];
  /** Those that write no body at present. */
  readonly #builders: BodyBuilder[];
  readonly #groups: GroupRow[] = [];
  readonly #heads = new Set<Head>();
  readonly #open = new Map<Head, OpenGroup>();
  readonly #windows = new Map<BootWindow, string>();
  readonly #evictedBoots: { device: string; boot: string }[] = [];
  /** What this turn adds to the file, roughly. */
  bytes = 0;

  constructor(builders: BodyBuilder[]) {
    this.#builders = builders;
  }

  touch(head: Head): void {
    this.#heads.add(head);
  }

  add(head: Head, message: AcceptedMessage, received: ReceiveTime): void {
    const open = this.#roomFor(head, message, received);
    open.builder.add(message, received);
    open.traceparent ||= message.traceparent ?? '';
    this.touch(head);
  }

  mark(device: string, window: BootWindow, evicted: string | undefined): void {
    this.#windows.set(window, device);
    if (evicted === undefined) return;
    this.#evictedBoots.push({ device, boot: evicted });
    for (const [marked, owner] of this.#windows)
      if (owner === device && marked.boot === evicted) this.#windows.delete(marked);
  }

  finish(): TurnWrite {
    for (const head of this.#open.keys()) this.#close(head);
    const heads: StreamHead[] = [...this.#heads].map((head) => ({ ...head }));
    const windows = this.#windowRows();
    const evictedBoots = this.#evictedBoots;
    return { groups: this.#groups, heads, windows, evictedBoots, exchanges: this.exchanges };
  }

  /** As they are now: the next turn goes on with them. */
  #windowRows(): WindowRow[] {
    const bytes = new Uint8Array(this.#windows.size * WINDOW_BYTES_MAX);
    let at = 0;
    return [...this.#windows].map(([{ boot, used, highest, seen }, device]) => {
      const row = bytes.subarray(at, at + windowToBytes(seen, bytes.subarray(at)));
      at += row.byteLength;
      return { device, boot, used, highest, seen: row };
    });
  }

  /** A group fits one block, because a block is merged from whole groups. */
  #roomFor(head: Head, message: AcceptedMessage, received: ReceiveTime): OpenGroup {
    const open = this.#open.get(head);
    if (open) {
      const { builder } = open;
      const fits = builder.bytesMax + recordBytesMax(message, received) <= BLOCK_BYTES_MAX;
      if (fits && builder.count < BLOCK_RECORDS_MAX) return open;
      this.#close(head);
    }
    const builder = this.#builders.pop() ?? new BodyBuilder();
    const fresh = { first: head.accepted, builder, traceparent: '' };
    this.#open.set(head, fresh);
    return fresh;
  }

  #close(head: Head): void {
    const { first, builder, traceparent } = this.#open.get(head)!;
    this.#open.delete(head);
    const body = builder.encode();
    assert(body.byteLength <= BLOCK_BYTES_MAX, 'a group fits a block');
    const range = { first, last: first + BigInt(builder.count) - 1n };
    this.#groups.push({ stream: head.stream, range, body, traceparent });
    builder.clear();
    this.#builders.push(builder);
  }
}

interface OpenGroup {
  readonly first: bigint;
  readonly builder: BodyBuilder;
  traceparent: string;
}
