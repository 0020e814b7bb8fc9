import type { SendKind } from './credits.ts';

/** Backlog in flight right after a Welcome: two small blocks, until the line has shown its rate. */
export const WINDOW_BYTES_START = 32 * 1024;
/**
 * How long backlog may stand before a live block, beside the block that is being sent. A cloud that
 * answers later by more than this lets the line run empty.
 */
const QUEUE_MS = 200;
/** The rate is the best of so many blocks: a pause of the cloud is no slow line. */
const RATE_SAMPLES = 30;
/** After so long the line is let run empty for one block, to see how long it is by itself. */
const PROBE_MS = 30_000;

interface SentBlock {
  readonly bytes: number;
  readonly kind: SendKind;
  readonly sentAtMs: number;
  /** Bytes that were delivered when it was sent, and when the last of them was. */
  readonly delivered: number;
  readonly deliveredAtMs: number;
  /** It did not have to wait behind backlog. */
  readonly isAlone: boolean;
  /** There was less to send than the line would have taken: it says little about the rate. */
  readonly isShort: boolean;
}

/**
 * How much backlog keeps the line full without standing long before a live block: the rate at which
 * the line delivers, times the time that it takes by itself, and a little (as BBR does,
 * draft-ietf-ccwg-bbr §4.1). Starts small and doubles with each round trip until blocks begin to
 * wait.
 */
export class LinePace {
  readonly #inFlight = new Map<string, SentBlock>();
  #bytes: Record<SendKind, number> = { live: 0, backlog: 0 };
  #isStarting = true;
  #startWindow = WINDOW_BYTES_START;
  #delivered = 0;
  #deliveredAtMs = 0;
  #rates: number[] = [];
  #empty: { readonly roundTripMs: number; readonly bytes: number } | undefined;
  #emptyAtMs = Number.NEGATIVE_INFINITY;

  /** What the line delivers, as last measured; undefined when that is not known yet. */
  get bytesPerSecond(): number | undefined {
    return this.#rates.length === 0 ? undefined : this.#rate * 1_000;
  }

  /** Whether one more block of the kind may be put on the line. */
  allows(kind: SendKind, nowMs: number): boolean {
    const { live, backlog } = this.#bytes;
    const windowBytes = this.#windowBytes();
    // Live data waits for nothing but the line itself: what is in flight keeps its order.
    if (kind === 'live') return live < Math.max(windowBytes, WINDOW_BYTES_START) * 2;
    if (backlog === 0) return true;
    const isProbing = !this.#isStarting && nowMs - this.#emptyAtMs > PROBE_MS;
    return !isProbing && live + backlog < windowBytes;
  }

  sent(name: string, block: { readonly bytes: number; readonly kind: SendKind }, nowMs: number) {
    const { live, backlog } = this.#bytes;
    if (live + backlog === 0) this.#deliveredAtMs = nowMs;
    this.#inFlight.set(name, {
      ...block,
      sentAtMs: nowMs,
      delivered: this.#delivered,
      deliveredAtMs: this.#deliveredAtMs,
      isAlone: backlog === 0,
      isShort: live + backlog + block.bytes < this.#windowBytes() / 2,
    });
    this.#bytes[block.kind] += block.bytes;
  }

  delivered(name: string, nowMs: number): void {
    const sent = this.#take(name);
    if (!sent) return;
    this.#delivered += sent.bytes;
    this.#deliveredAtMs = nowMs;
    this.#measureRate(sent, nowMs);
    const roundTripMs = nowMs - sent.sentAtMs;
    const isShorter = roundTripMs < (this.#empty?.roundTripMs ?? Number.POSITIVE_INFINITY);
    if (sent.isAlone || isShorter) this.#empty = { roundTripMs, bytes: sent.bytes };
    if (sent.isAlone) this.#emptyAtMs = nowMs;
    if (!this.#isStarting) return;
    this.#startWindow += sent.bytes;
    // Blocks begin to wait: the line is full.
    if (roundTripMs > this.#emptyMs + sent.bytes / this.#rate + QUEUE_MS) this.#isStarting = false;
  }

  /** It is not in flight any more, and nothing is known of the line by it. */
  forgotten(name: string): void {
    this.#take(name);
  }

  get #rate(): number {
    return Math.max(...this.#rates);
  }

  /** What the line and the cloud take for a block, without the block's own time on the line. */
  get #emptyMs(): number {
    if (!this.#empty) return 0;
    return Math.max(0, this.#empty.roundTripMs - this.#empty.bytes / this.#rate);
  }

  #windowBytes(): number {
    if (this.#isStarting) return this.#startWindow;
    return this.#rate * (this.#emptyMs + QUEUE_MS);
  }

  #measureRate(sent: SentBlock, nowMs: number): void {
    const tookMs = Math.max(1, nowMs - sent.deliveredAtMs);
    const rate = (this.#delivered - sent.delivered) / tookMs;
    if (sent.isShort && this.#rates.length > 0 && rate <= this.#rate) return;
    this.#rates.push(rate);
    if (this.#rates.length > RATE_SAMPLES) this.#rates.shift();
  }

  #take(name: string): SentBlock | undefined {
    const sent = this.#inFlight.get(name);
    if (!sent) return undefined;
    this.#inFlight.delete(name);
    this.#bytes[sent.kind] -= sent.bytes;
    return sent;
  }
}
