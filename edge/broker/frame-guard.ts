import { Duplex } from 'node:stream';
import type { Clock, Timer } from '@holdfast/shared/runtime/clock.ts';
import { type FrameRefusal, FrameScanner } from './frame-scanner.ts';

export type GuardRefusal = FrameRefusal | 'connect-late';

export interface FrameGuardOptions {
  readonly remoteAddress: string | undefined;
  readonly payloadBytesMax: number;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly refused: (reason: GuardRefusal) => void;
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
  #connectTimer: Timer | undefined;

  constructor(socket: Duplex, options: FrameGuardOptions) {
    super({ allowHalfOpen: false });
    this.remoteAddress = options.remoteAddress;
    this.#socket = socket;
    this.#scanner = new FrameScanner(options.payloadBytesMax);
    this.#refused = options.refused;
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

  override _read(): void {
    this.#socket.resume();
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
    const refusal = this.#scanner.scan(bytes);
    if (refusal) {
      this.#refuse(refusal);
      return;
    }
    if (this.#scanner.connected && this.#connectTimer) {
      this.#connectTimer.cancel();
      this.#connectTimer = undefined;
    }
    if (!this.push(bytes)) this.#socket.pause();
  }

  #refuse(reason: GuardRefusal): void {
    if (this.destroyed) return;
    this.#refused(reason);
    this.destroy();
  }
}
