import { TOPIC_BYTES_MAX } from '@holdfast/shared/lib/topic-filter.ts';

/** Why a client's bytes are no MQTT that we take. */
export type FrameRefusal = 'oversized' | 'malformed' | 'connect-missing';

/** Client id, will and credentials. Nobody has shown who they are yet. */
export const CONNECT_BYTES_MAX = 64 * 1024;
const SUBSCRIBE_BYTES_MAX = 64 * 1024;
/** A packet id, and what a later protocol version may add. */
const ACKNOWLEDGEMENT_BYTES_MAX = 64;
/** What a PUBLISH holds beside its payload: two lengths of 16 bits, and a topic. */
const PUBLISH_HEAD_BYTES_MAX = 4 + TOPIC_BYTES_MAX;
/** A remaining length has at most four bytes (MQTT 3.1.1 §2.2.3). */
const LENGTH_SCALE_MAX = 128 ** 3;

const CONNECT = 1;
const PUBLISH = 3;

interface PacketRule {
  /** The reserved flags [MQTT-2.2.2-1]; undefined where they mean something. */
  readonly flags: number | undefined;
  readonly bytesMax: number;
}

/** What a client may send, by packet type; another type is for servers, or for nobody. */
function packetRules(payloadBytesMax: number): ReadonlyMap<number, PacketRule> {
  const acknowledgement = { flags: 0, bytesMax: ACKNOWLEDGEMENT_BYTES_MAX };
  return new Map<number, PacketRule>([
    [CONNECT, { flags: 0, bytesMax: CONNECT_BYTES_MAX }],
    [PUBLISH, { flags: undefined, bytesMax: payloadBytesMax + PUBLISH_HEAD_BYTES_MAX }],
    [4, acknowledgement],
    [5, acknowledgement],
    [6, { ...acknowledgement, flags: 2 }],
    [7, acknowledgement],
    [8, { flags: 2, bytesMax: SUBSCRIBE_BYTES_MAX }],
    [10, { flags: 2, bytesMax: SUBSCRIBE_BYTES_MAX }],
    [12, { flags: 0, bytesMax: 0 }],
    [14, acknowledgement],
  ]);
}

/**
 * Follows the frames of one connection without keeping any of their bytes: type, flags and length
 * of each are judged as soon as they are there, before the packet itself is buffered by anybody.
 */
export class FrameScanner {
  readonly #rules: ReadonlyMap<number, PacketRule>;
  #state: 'header' | 'length' | 'body' = 'header';
  #type = 0;
  #length = 0;
  #scale = 1;
  #bytesLeft = 0;
  #connected = false;
  #publishes = 0;

  constructor(payloadBytesMax: number) {
    this.#rules = packetRules(payloadBytesMax);
  }

  /** Whether the CONNECT has come in full. */
  get connected(): boolean {
    return this.#connected;
  }

  /** PUBLISH packets whose first byte has come. */
  get publishes(): number {
    return this.#publishes;
  }

  /** Whether the next byte begins a packet. */
  get isBetweenPackets(): boolean {
    return this.#state === 'header';
  }

  /** Undefined while all is well. After a refusal the connection is over. */
  scan(bytes: Uint8Array): FrameRefusal | undefined {
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#state === 'body') {
        const taken = Math.min(this.#bytesLeft, bytes.byteLength - at);
        this.#bytesLeft -= taken;
        at += taken;
        if (this.#bytesLeft === 0) this.#finish();
        continue;
      }
      const byte = bytes[at++]!;
      const refusal = this.#state === 'header' ? this.#header(byte) : this.#lengthByte(byte);
      if (refusal) return refusal;
    }
    return undefined;
  }

  #header(byte: number): FrameRefusal | undefined {
    this.#type = byte >>> 4;
    const rule = this.#rules.get(this.#type);
    if (!rule) return 'malformed';
    if (!this.#connected && this.#type !== CONNECT) return 'connect-missing';
    if (rule.flags !== undefined && rule.flags !== (byte & 0x0f)) return 'malformed';
    // [MQTT-3.3.1-4]
    if (this.#type === PUBLISH && (byte & 0b0110) === 0b0110) return 'malformed';
    if (this.#type === PUBLISH) this.#publishes += 1;
    this.#length = 0;
    this.#scale = 1;
    this.#state = 'length';
    return undefined;
  }

  #lengthByte(byte: number): FrameRefusal | undefined {
    this.#length += (byte & 0x7f) * this.#scale;
    if (byte >= 0x80) {
      if (this.#scale === LENGTH_SCALE_MAX) return 'malformed';
      this.#scale *= 128;
      return undefined;
    }
    if (this.#length > this.#rules.get(this.#type)!.bytesMax) return 'oversized';
    this.#bytesLeft = this.#length;
    this.#state = 'body';
    if (this.#bytesLeft === 0) this.#finish();
    return undefined;
  }

  #finish(): void {
    this.#state = 'header';
    if (this.#type === CONNECT) this.#connected = true;
  }
}
