import { connect, type Socket } from 'node:net';
import { generate } from 'mqtt-packet';

const PACKET_IDS = 65_536;
const READ_BYTES = 16_384;
/** CONNACK and PUBACK are both four bytes long (MQTT 3.1.1 §3.2, §3.4). */
const ANSWER_BYTES = 4;
const CONNACK = 0x20;
const PUBACK = 0x40;

export interface PublishingOptions {
  readonly port: number;
  readonly clientId: string;
  readonly topic: string;
  readonly payloads: readonly Buffer[];
  /** Called for each acknowledgement with the time since its message was written. */
  readonly acked: (latencyMs: number) => void;
  /** Called after the acknowledgements that came in one piece. */
  readonly ackedTogether: (connection: PublishingConnection) => void;
  readonly failed: (error: Error) => void;
}

/**
 * One client that publishes with QoS 1. Its frames are made once; sending is a copy and a packet
 * id, so that 50 of them in one process are faster than the brokers under test.
 */
export class PublishingConnection {
  readonly #options: PublishingOptions;
  readonly #frames: readonly Buffer[];
  readonly #frameBytes: number;
  readonly #idOffset: number;
  /** When the message of a packet id was written; 0 when none is in flight. */
  readonly #sentAtMs = new Float64Array(PACKET_IDS);
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #nextId = 1;
  #nextFrame = 0;
  #greeted: (() => void) | undefined;
  #closing = false;
  #inFlight = 0;

  private constructor(options: PublishingOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    const { topic, payloads } = options;
    this.#frames = payloads.map((payload) =>
      generate({
        cmd: 'publish',
        messageId: 1,
        qos: 1,
        dup: false,
        retain: false,
        topic,
        payload,
      }),
    );
    this.#frameBytes = this.#frames[0]!.byteLength;
    this.#idOffset = this.#frameBytes - payloads[0]!.byteLength - 2;
    socket.on('error', (error) => options.failed(error));
    socket.on('close', () => {
      if (!this.#closing) options.failed(new Error('the server closed a connection'));
    });
  }

  /** Resolves when the server has accepted the CONNECT. */
  static async open(options: PublishingOptions): Promise<PublishingConnection> {
    // One buffer for all reads: some servers acknowledge one by one, and then reading is the work.
    const onread = {
      buffer: Buffer.alloc(READ_BYTES),
      callback: (count: number, bytes: Uint8Array): boolean => {
        connection.#take(Buffer.from(bytes.buffer, bytes.byteOffset, count));
        return true;
      },
    };
    const socket = connect({ host: '127.0.0.1', port: options.port, noDelay: true, onread });
    const connection = new PublishingConnection(options, socket);
    const greeted = new Promise<void>((resolve) => {
      connection.#greeted = resolve;
    });
    const { clientId } = options;
    socket.write(generate({ cmd: 'connect', clientId, clean: true, keepalive: 0 }));
    await greeted;
    return connection;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  publish(count: number, nowMs: number): void {
    const bytes = Buffer.allocUnsafe(count * this.#frameBytes);
    for (let at = 0; at < bytes.byteLength; at += this.#frameBytes) {
      this.#frames[this.#nextFrame]!.copy(bytes, at);
      this.#nextFrame = (this.#nextFrame + 1) % this.#frames.length;
      if (this.#sentAtMs[this.#nextId] !== 0) throw new Error('every packet id is in flight');
      bytes.writeUInt16BE(this.#nextId, at + this.#idOffset);
      this.#sentAtMs[this.#nextId] = nowMs;
      this.#nextId = this.#nextId === PACKET_IDS - 1 ? 1 : this.#nextId + 1;
    }
    this.#inFlight += count;
    this.#socket.write(bytes);
  }

  /** How long each message without an acknowledgement has been waiting. */
  waitingMs(nowMs: number): number[] {
    return [...this.#sentAtMs].filter((sentAt) => sentAt !== 0).map((sentAt) => nowMs - sentAt);
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #take(arrived: Buffer): void {
    const bytes = this.#rest.byteLength > 0 ? Buffer.concat([this.#rest, arrived]) : arrived;
    const nowMs = performance.now();
    const inFlightBefore = this.#inFlight;
    let at = 0;
    for (; at + ANSWER_BYTES <= bytes.byteLength; at += ANSWER_BYTES) {
      if (bytes[at] === PUBACK && bytes[at + 1] === 2)
        this.#settle(bytes.readUInt16BE(at + 2), nowMs);
      else if (bytes.readUInt32BE(at) === CONNACK * 2 ** 24 + 2 * 2 ** 16) this.#greeted?.();
      else {
        this.#options.failed(new Error(`unexpected answer: ${bytes.toString('hex', at, at + 4)}`));
        return;
      }
    }
    // A copy: the next read overwrites the buffer.
    this.#rest = Buffer.from(bytes.subarray(at));
    if (this.#inFlight < inFlightBefore) this.#options.ackedTogether(this);
  }

  /** An acknowledgement of nothing would inflate the figure, so it ends the run. */
  #settle(id: number, nowMs: number): void {
    const sentAtMs = this.#sentAtMs[id]!;
    if (sentAtMs === 0) {
      this.#options.failed(new Error(`packet ${id} was acknowledged, but not in flight`));
      return;
    }
    this.#sentAtMs[id] = 0;
    this.#inFlight -= 1;
    this.#options.acked(nowMs - sentAtMs);
  }
}
