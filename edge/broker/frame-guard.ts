import { Duplex } from 'node:stream';
import type { Clock, Timer } from '@holdfast/shared/runtime/clock.ts';
import { type FrameRefusal, FrameScanner } from './frame-scanner.ts';
import { FrameSorter, type PublishTaker } from './frame-sorter.ts';

export type GuardRefusal = FrameRefusal | 'connect-late';

export interface FrameGuardOptions {
  readonly remoteAddress: string | undefined;
  readonly payloadBytesMax: number;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly refused: (reason: GuardRefusal) => void;
  /** What was read is not on disk by far: nothing more is read until `caughtUp` resolves. */
  readonly pressure: Pressure;
}

export interface Pressure {
  readonly isBehind: boolean;
  caughtUp(): Promise<void>;
}

/**
 * Stands between the socket and Aedes, which has no inbound limit of its own: one socket that
 * nobody knows could make it buffer 256 MiB. What passes is passed on as it is; what does not
 * closes the socket.
 */
export class FrameGuard extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly #socket: Duplex;
  readonly #scanner: FrameScanner;
  readonly #refused: (reason: GuardRefusal) => void;
  readonly #pressure: Pressure;
  #connectTimer: Timer | undefined;
  #taker: PublishTaker | undefined;
  #sorter: FrameSorter | undefined;
  /** Publishes that Aedes has and has not answered. */
  #unanswered = 0;
  /** Aedes has more than it reads, or the disk is behind. */
  #isFull = false;
  #isHeld = false;

  constructor(socket: Duplex, options: FrameGuardOptions) {
    super({ allowHalfOpen: false });
    this.remoteAddress = options.remoteAddress;
    this.#socket = socket;
    this.#scanner = new FrameScanner(options.payloadBytesMax);
    this.#refused = options.refused;
    this.#pressure = options.pressure;
    this.#connectTimer = options.clock.after(options.connectTimeoutMs, () =>
      this.#refuse('connect-late'),
    );
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    // After a proper end Aedes still reads what was buffered; then the stream closes by itself.
    socket.on('close', () => {
      if (!socket.readableEnded) this.destroy();
    });
  }

  /** From the next packet on the taker is asked first. */
  offerTo(taker: PublishTaker): void {
    this.#taker = taker;
  }

  /** Aedes has answered a publish, or refused it. */
  answered(): void {
    if (this.#sorter) this.#sorter.answered();
    else this.#unanswered -= 1;
  }

  /** Aedes has done a SUBSCRIBE. */
  subscribed(): void {
    this.#sorter?.subscribed();
  }

  override _read(): void {
    this.#isFull = false;
    this.#resume();
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    if (this.#socket.destroyed || this.#socket.write(bytes)) done();
    else this.#socket.once('drain', done);
  }

  /**
   * Aedes writes a packet in pieces and a turn's packets one by one; the socket gets them at once.
   */
  override _writev(pieces: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(pieces.map(({ chunk }) => chunk)), 'buffer', done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connectTimer?.cancel();
    this.#socket.destroy();
    done(error);
  }

  #take(bytes: Buffer): void {
    const scanner = this.#scanner;
    if (this.#taker && !this.#sorter && scanner.isBetweenPackets)
      this.#sorter = new FrameSorter(this.#taker, this.#unanswered);
    const publishesBefore = scanner.publishes;
    const refusal = scanner.scan(bytes);
    if (refusal) {
      this.#refuse(refusal);
      return;
    }
    if (scanner.connected && this.#connectTimer) {
      this.#connectTimer.cancel();
      this.#connectTimer = undefined;
    }
    if (this.#sorter) this.#sorter.sort(bytes, this.#pass);
    else {
      this.#unanswered += scanner.publishes - publishesBefore;
      this.#pass(bytes);
    }
    if (this.#pressure.isBehind) this.#hold();
  }

  readonly #pass = (bytes: Buffer): void => {
    if (this.destroyed || this.push(bytes)) return;
    this.#isFull = true;
    this.#socket.pause();
  };

  /** Without this a fast client of QoS 0 would fill the memory while the disk is slow. */
  #hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#socket.pause();
    void this.#pressure.caughtUp().then(() => {
      this.#isHeld = false;
      this.#resume();
    });
  }

  #resume(): void {
    if (!this.#isFull && !this.#isHeld) this.#socket.resume();
  }

  #refuse(reason: GuardRefusal): void {
    if (this.destroyed) return;
    this.#refused(reason);
    this.destroy();
  }
}
