/** Takes publishes ahead of Aedes. */
export interface PublishTaker {
  /**
   * A whole PUBLISH, from its first byte `at` to `end`, with what follows its lengths at `bodyAt`.
   * False leaves it to Aedes, which judges it anew.
   */
  take(bytes: Buffer, frame: Frame): boolean;
}

/** Where one packet lies. */
export interface Frame {
  at: number;
  bodyAt: number;
  end: number;
}

const PUBLISH = 3;
const SUBSCRIBE = 8;

/**
 * Divides the packets of one connection between the taker of publishes and Aedes, so that they have
 * their effect in the order in which they came: while Aedes has a publish that it has not answered,
 * or a subscription, publishes go its way, too.
 */
export class FrameSorter {
  readonly #taker: PublishTaker;
  readonly #frame: Frame = { at: 0, bodyAt: 0, end: 0 };
  /** The start of a packet whose end has not come. */
  #rest: Buffer | undefined;
  #unanswered: number;
  #subscribing = 0;

  /** `unanswered` publishes went to Aedes before. */
  constructor(taker: PublishTaker, unanswered: number) {
    this.#taker = taker;
    this.#unanswered = unanswered;
  }

  /** Aedes has answered a publish, or refused it. */
  answered(): void {
    this.#unanswered -= 1;
  }

  /** Aedes has done a SUBSCRIBE. */
  subscribed(): void {
    this.#subscribing -= 1;
  }

  /** `pass` gets what is for Aedes. The bytes were judged by the frame scanner before. */
  sort(arrived: Buffer, pass: (bytes: Buffer) => void): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, arrived]) : arrived;
    const frame = this.#frame;
    let passedTo = 0;
    frame.at = 0;
    while (findEnd(bytes, frame)) {
      if (this.#isTaken(bytes, frame)) {
        if (frame.at > passedTo) pass(bytes.subarray(passedTo, frame.at));
        passedTo = frame.end;
      }
      frame.at = frame.end;
    }
    if (frame.at > passedTo) pass(bytes.subarray(passedTo, frame.at));
    // A copy: a few bytes must not keep what came with them in memory.
    this.#rest = frame.at < bytes.byteLength ? Buffer.from(bytes.subarray(frame.at)) : undefined;
  }

  #isTaken(bytes: Buffer, frame: Frame): boolean {
    const type = bytes[frame.at]! >>> 4;
    if (type === SUBSCRIBE) this.#subscribing += 1;
    if (type !== PUBLISH) return false;
    const inOrder = this.#unanswered === 0 && this.#subscribing === 0;
    if (inOrder && this.#taker.take(bytes, frame)) return true;
    this.#unanswered += 1;
    return false;
  }
}

/** False when the packet at `frame.at` is not there in full. */
function findEnd(bytes: Buffer, frame: Frame): boolean {
  let at = frame.at + 1;
  let length = 0;
  for (let scale = 1; at < bytes.byteLength; scale *= 128) {
    const byte = bytes[at++]!;
    length += (byte & 0x7f) * scale;
    if (byte >= 0x80) continue;
    frame.bodyAt = at;
    frame.end = at + length;
    return frame.end <= bytes.byteLength;
  }
  return false;
}
