import type { Socket } from 'node:net';

/** What waits on the way besides what the delay itself holds: a modem's queue. */
const QUEUE_BYTES_MAX = 64 * 1024;
/** A piece takes its whole time on the line before it arrives, so pieces are small. */
const PIECE_BYTES_MAX = 1_460;

interface Piece {
  readonly bytes: Buffer;
  readonly arrivesMs: number;
}

export interface Pace {
  /** Infinity is as fast as loopback. */
  readonly bytesPerSecond: number;
  readonly delayMs: number;
}

export interface PacedPipeOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly pace: Pace;
  readonly carried: (bytes: number) => void;
}

/** One direction of a line: bytes arrive in order, as late and as slowly as the options say. */
export class PacedPipe {
  readonly #options: PacedPipeOptions;
  #pace: Pace;
  #pieces: Piece[] = [];
  #queued = 0;
  /** When the line has sent what was put on it. */
  #freeMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isCut = false;
  #ended = false;
  #full = false;

  constructor(options: PacedPipeOptions) {
    this.#options = options;
    this.#pace = options.pace;
    options.from.on('data', (bytes: Buffer) => this.#take(bytes));
    options.from.on('end', () => {
      this.#ended = true;
      this.#deliver();
    });
    options.to.on('drain', () => {
      this.#full = false;
      this.#deliver();
    });
  }

  /** For what comes from now on; order is kept. */
  repace(pace: Pace): void {
    this.#pace = pace;
    this.#freeMs = 0;
    this.#resume();
  }

  cut(): void {
    this.#isCut = true;
    this.#options.from.pause();
    this.#rest();
  }

  heal(): void {
    if (!this.#isCut) return;
    this.#isCut = false;
    this.#resume();
    this.#deliver();
  }

  stop(): void {
    this.#rest();
    this.#pieces = [];
    this.#queued = 0;
  }

  get #queueBytesMax(): number {
    const { bytesPerSecond, delayMs } = this.#pace;
    if (!Number.isFinite(bytesPerSecond)) return Number.POSITIVE_INFINITY;
    return QUEUE_BYTES_MAX + (bytesPerSecond * delayMs) / 1_000;
  }

  #take(bytes: Buffer): void {
    const { bytesPerSecond, delayMs } = this.#pace;
    const now = performance.now();
    if (!Number.isFinite(bytesPerSecond)) {
      this.#pieces.push({ bytes, arrivesMs: now + delayMs });
    } else {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX) {
        const piece = bytes.subarray(at, at + PIECE_BYTES_MAX);
        this.#freeMs = Math.max(this.#freeMs, now) + (piece.length / bytesPerSecond) * 1_000;
        this.#pieces.push({ bytes: piece, arrivesMs: this.#freeMs + delayMs });
      }
    }
    this.#queued += bytes.length;
    if (this.#queued > this.#queueBytesMax || this.#isCut) this.#options.from.pause();
    this.#deliver();
  }

  /** Hands over what has arrived; wakes for the next piece. */
  #deliver(): void {
    if (this.#isCut || this.#full) return;
    const { to, carried } = this.#options;
    const now = performance.now();
    let arrived = 0;
    while (arrived < this.#pieces.length && this.#pieces[arrived]!.arrivesMs <= now) arrived++;
    for (const { bytes } of this.#pieces.splice(0, arrived)) {
      this.#queued -= bytes.length;
      carried(bytes.length);
      if (!to.destroyed && !to.write(bytes)) this.#full = true;
    }
    this.#resume();
    if (this.#ended && this.#pieces.length === 0) to.end();
    this.#rest();
    const next = this.#pieces[0];
    if (next && !this.#full)
      this.#timer = setTimeout(() => this.#deliver(), Math.max(0, next.arrivesMs - now));
  }

  #resume(): void {
    if (this.#isCut || this.#full) return;
    if (this.#queued <= this.#queueBytesMax) this.#options.from.resume();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
