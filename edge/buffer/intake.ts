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
  BufferStore,
  ExchangeChange,
  GroupRow,
  StreamHead,
  TurnWrite,
} from './buffer-store.ts';
import { type BootWindow, DeviceWindows, type KeyVerdict } from './device-window.ts';
import type { LaneStream } from './lane-stream.ts';

/** What the callers asked for within one turn, in the order of their calls. */
export type TurnCall =
  | {
      readonly kind: 'append';
      readonly message: AcceptedMessage;
      readonly received: ReceiveTime;
    }
  | { readonly kind: 'release'; readonly exchange: Exchange }
  | { readonly kind: 'forget'; readonly clientId: string };

export interface JudgedTurn {
  /** One per call; undefined for a call that is no append. */
  readonly outcomes: readonly (AppendOutcome | undefined)[];
  readonly write: TurnWrite;
}

/** Above what the other lanes may use, so that stock is writable when they are full. */
export const STOCK_RESERVE_BYTES = 64 * 1024 * 1024;
/** Devices and clients whose keys stay in memory; the others are read again when they speak. */
const CACHED_MAX = 10_000;
/** Device keys are 63-bit: what a SQLite integer holds. */
const KEY_SEQUENCE_MAX = 2n ** 63n - 1n;
/** What a row takes in the file beside its body, roughly; for the budget. */
const ROW_BYTES = 64;

/**
 * Judges the calls of a turn and numbers what is new. Pure but for reading keys that it has not
 * seen yet: nothing is on disk until the store has written the turn, and after a failed write
 * `reset` forgets what was assumed.
 */
export class Intake {
  readonly #store: BufferStore;
  readonly #streams: ReadonlyMap<Lane, LaneStream>;
  readonly #bytesMax: number;
  readonly #windows = new Map<string, DeviceWindows>();
  readonly #exchanges = new Map<string, Set<number>>();
  /** The lanes' heads with everything that was judged, written or not. */
  #heads = new Map<Lane, Head>();

  constructor(options: {
    store: BufferStore;
    streams: ReadonlyMap<Lane, LaneStream>;
    bytesMax: number;
  }) {
    this.#store = options.store;
    this.#streams = options.streams;
    this.#bytesMax = options.bytesMax;
    this.reset();
  }

  judge(calls: readonly TurnCall[]): JudgedTurn {
    this.#trim();
    const turn = new Turn(this.#store.usedBytes());
    const outcomes = calls.map((call) => {
      if (call.kind === 'append') return this.#append(turn, call);
      if (call.kind === 'release') this.#release(turn, call.exchange);
      else this.#forget(turn, call.clientId);
      return undefined;
    });
    return { outcomes, write: turn.finish() };
  }

  reset(): void {
    this.#windows.clear();
    this.#exchanges.clear();
    this.#heads = new Map(
      [...this.#streams].map(([lane, { id, accepted, unkeyed, duplicates }]) => [
        lane,
        { stream: id, accepted, unkeyed, duplicates },
      ]),
    );
  }

  #append(turn: Turn, call: TurnCall & { kind: 'append' }): AppendOutcome {
    const { message } = call;
    assert(message.payload.byteLength <= PAYLOAD_BYTES_MAX, 'the frame guard refuses larger ones');
    const head = this.#heads.get(message.lane)!;
    const verdict = this.#judge(message);
    if (verdict === 'seen') {
      head.duplicates += 1;
      turn.touch(head);
      return { kind: 'duplicate' };
    }
    if (turn.usedBytes + message.payload.byteLength + ROW_BYTES > this.#budget(message.lane))
      return { kind: 'full', lane: message.lane };
    if (verdict === 'new') this.#mark(turn, message.device!, message.key!);
    else head.unkeyed += 1;
    if (message.exchange) this.#takeExchange(turn, message.exchange);
    head.accepted += 1n;
    turn.add(head, message, call.received);
    return { kind: 'stored', sequence: head.accepted };
  }

  /** `unkeyed` and `unknown`: a repeat of it could not be recognised. */
  #judge({ device, key, exchange }: AcceptedMessage): KeyVerdict | 'unkeyed' {
    // The packet id stands for the same message until its PUBREL [MQTT-4.3.3-2].
    if (exchange && this.#exchangesOf(exchange.clientId).has(exchange.packetId)) return 'seen';
    if (!key || device === undefined) return 'unkeyed';
    assert(key.sequence >= 0n && key.sequence <= KEY_SEQUENCE_MAX, 'a device key has 63 bits');
    return this.#windowsOf(device).judge(key);
  }

  #mark(turn: Turn, device: string, key: DeviceKey): void {
    const { window, evicted } = this.#windowsOf(device).mark(key);
    turn.mark(device, window, evicted);
  }

  #takeExchange(turn: Turn, exchange: Exchange): void {
    this.#exchangesOf(exchange.clientId).add(exchange.packetId);
    turn.exchanges.push({ kind: 'taken', exchange });
  }

  #release(turn: Turn, exchange: Exchange): void {
    if (!this.#exchangesOf(exchange.clientId).delete(exchange.packetId)) return;
    turn.exchanges.push({ kind: 'released', exchange });
  }

  #forget(turn: Turn, clientId: string): void {
    if (this.#exchangesOf(clientId).size === 0) return;
    this.#exchanges.set(clientId, new Set());
    turn.exchanges.push({ kind: 'forgotten', clientId });
  }

  #budget(lane: Lane): number {
    return lane === 'stock' ? this.#bytesMax + STOCK_RESERVE_BYTES : this.#bytesMax;
  }

  #windowsOf(device: string): DeviceWindows {
    const known = this.#windows.get(device);
    if (known) return known;
    const windows = new DeviceWindows(this.#store.windows(device));
    this.#windows.set(device, windows);
    return windows;
  }

  #exchangesOf(clientId: string): Set<number> {
    const known = this.#exchanges.get(clientId);
    if (known) return known;
    const exchanges = new Set(this.#store.exchanges(clientId));
    this.#exchanges.set(clientId, exchanges);
    return exchanges;
  }

  /** Only between turns: what a turn changed must stay until it is on disk. */
  #trim(): void {
    for (const cache of [this.#windows, this.#exchanges])
      for (const oldest of cache.keys()) {
        if (cache.size <= CACHED_MAX) break;
        cache.delete(oldest);
      }
  }
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
  readonly #groups: GroupRow[] = [];
  readonly #heads = new Set<Head>();
  readonly #open = new Map<Head, OpenGroup>();
  readonly #windows = new Map<BootWindow, string>();
  readonly #evictedBoots: { device: string; boot: string }[] = [];
  /** What the file holds, and what this turn adds to it. */
  usedBytes: number;

  constructor(usedBytes: number) {
    this.usedBytes = usedBytes;
  }

  touch(head: Head): void {
    this.#heads.add(head);
  }

  add(head: Head, message: AcceptedMessage, received: ReceiveTime): void {
    const open = this.#roomFor(head, message, received);
    open.builder.add(message, received);
    open.traceparent ||= message.traceparent ?? '';
    this.touch(head);
    this.usedBytes += message.payload.byteLength + ROW_BYTES;
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
    const windows = [...this.#windows].map(([window, device]) => ({ device, window }));
    const evictedBoots = this.#evictedBoots;
    return { groups: this.#groups, heads, windows, evictedBoots, exchanges: this.exchanges };
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
    const fresh = { first: head.accepted, builder: new BodyBuilder(), traceparent: '' };
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
  }
}

interface OpenGroup {
  readonly first: bigint;
  readonly builder: BodyBuilder;
  traceparent: string;
}
