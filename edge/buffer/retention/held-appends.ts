import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { Clock, Timer } from '@holdfast/shared/runtime/clock.ts';
import type { AcceptedMessage, AppendOutcome, GroupEnd } from '../buffer.ts';
import type { GroupCommit } from '../group-commit.ts';

/** Messages that wait for room, and their payloads: what comes on top is told `full` at once. */
const HELD_MESSAGES_MAX = 10_000;
const HELD_BYTES_MAX = 16 * 1024 * 1024;
/** Nobody waits longer for an acknowledgement than half of the longest usual keep-alive. */
const HELD_MS_MAX = 30_000;
const SWEEP_EVERY_MS = 500;

export interface HeldAppendsOptions {
  readonly commits: Pick<GroupCommit, 'offer' | 'failure'>;
  readonly clock: Clock;
  /** How many wait in the lane now. */
  readonly onHeld: (lane: Lane, count: number) => void;
}

interface Call {
  readonly number: number;
  readonly message: AcceptedMessage;
  readonly sinceMs: number;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Back-pressure: a message that finds its lane full is neither refused nor acknowledged, it waits
 * for room, and those of its lane that come after it wait behind it. The broker gives up on a
 * connection that waited for half of its keep-alive; what waits here too long, or is too much, is
 * told `full`.
 */
export class HeldAppends {
  readonly #options: HeldAppendsOptions;
  readonly #held = new Map<Lane, Call[]>(LANES.map((lane) => [lane, []]));
  #numbers = 0;
  #messages = 0;
  #bytes = 0;
  #timer: Timer | undefined;

  constructor(options: HeldAppendsOptions) {
    this.#options = options;
  }

  append(message: AcceptedMessage): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      const sinceMs = this.#options.clock.monotonicMs();
      const call = { number: this.#numbers++, message, sinceMs, resolve, reject };
      if (this.isHolding(message.lane)) this.#hold(call);
      else this.#offer(call);
    });
  }

  /** Nothing of the lane may overtake what waits in it. */
  isHolding(lane: Lane): boolean {
    return this.#held.get(lane)!.length > 0;
  }

  /** Of the largest that is next in its lane; nothing is given up for `stock`. */
  get wantedBytes(): number {
    const next = [this.#held.get('event')![0], this.#held.get('telemetry')![0]];
    return Math.max(...next.map((call) => call?.message.payload.byteLength ?? 0));
  }

  /** There may be room. */
  retry(): void {
    for (const lane of LANES) {
      const calls = this.#held.get(lane)!;
      while (calls.length > 0) {
        const call = calls[0]!;
        if (!this.#offer(call, 'held')) break;
        this.#forget(call);
        calls.shift();
      }
      this.#options.onHeld(lane, calls.length);
    }
  }

  /** Who still waits is told that there is no room. */
  stop(): void {
    this.#timer?.cancel();
    for (const calls of this.#held.values()) for (const call of calls.splice(0)) this.#giveUp(call);
  }

  /** False when the lane is full; then it is held, or stays so. */
  #offer(call: Call, was: 'new' | 'held' = 'new'): boolean {
    const { commits } = this.#options;
    const settled = (end: GroupEnd): void => this.#settled(call, outcome, end);
    const outcome = commits.offer(call.message, { joined: undefined, settled });
    if (!outcome) call.reject(commits.failure!);
    if (outcome?.kind !== 'full') return true;
    if (was === 'new') this.#hold(call);
    return false;
  }

  #settled(call: Call, outcome: AppendOutcome | undefined, end: GroupEnd): void {
    // It is held, or its call was told already.
    if (!outcome || outcome.kind === 'full') return;
    if (end.kind === 'durable') call.resolve(outcome);
    else if (end.kind === 'failed') call.reject(end.error);
    else this.#hold(call);
  }

  #hold(call: Call): void {
    const { message } = call;
    const bytes = message.payload.byteLength;
    if (this.#messages >= HELD_MESSAGES_MAX || this.#bytes + bytes > HELD_BYTES_MAX) {
      call.resolve({ kind: 'full', lane: message.lane });
      return;
    }
    this.#messages += 1;
    this.#bytes += bytes;
    const calls = this.#held.get(message.lane)!;
    // What comes back from a commit that failed was there before what came meanwhile.
    const at = calls.findIndex(({ number }) => number > call.number);
    if (at < 0) calls.push(call);
    else calls.splice(at, 0, call);
    this.#options.onHeld(message.lane, calls.length);
    this.#timer ??= this.#options.clock.after(SWEEP_EVERY_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#options.clock.monotonicMs();
    for (const [lane, calls] of this.#held) {
      const kept = calls.findIndex(({ sinceMs }) => nowMs - sinceMs < HELD_MS_MAX);
      for (const call of calls.splice(0, kept < 0 ? calls.length : kept)) this.#giveUp(call);
      this.#options.onHeld(lane, calls.length);
    }
    this.retry();
    if (this.#messages > 0)
      this.#timer ??= this.#options.clock.after(SWEEP_EVERY_MS, () => this.#sweep());
  }

  #giveUp(call: Call): void {
    this.#forget(call);
    call.resolve({ kind: 'full', lane: call.message.lane });
  }

  #forget({ message }: Call): void {
    this.#messages -= 1;
    this.#bytes -= message.payload.byteLength;
  }
}
