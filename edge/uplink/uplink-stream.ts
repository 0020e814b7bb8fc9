import type {
  Block,
  SyncResponse,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { LANES } from '@holdfast/shared/contracts/lanes.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError, unreachable } from '@holdfast/shared/lib/assert.ts';
import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { BlockHead, Buffer as GatewayBuffer } from '../buffer/buffer.ts';
import type { GatewayCredentials } from '../identity/credentials.ts';
import { type BlockSize, sealingBySize } from './block-size.ts';
import { createDiskQueue, type DiskQueue } from './disk-queue.ts';
import { blockFrame, helloFrame, reportFrame, turnHeldFrame } from './frames.ts';
import { createInFlightSpans, type InFlightSpans, nameOf } from './in-flight-spans.ts';
import { LinePace } from './line-pace.ts';
import type { Link, OpenLink } from './link.ts';
import { type LiveSealer, startLiveSealer } from './live-sealer.ts';
import type { Meters } from './meters.ts';
import { createReporter, type Reporter } from './reporter.ts';
import { UplinkSession } from './session.ts';
import type { Effect, LaneOf, Outgoing, Phase, SessionEvent } from './session-table.ts';
import type { UplinkSettings } from './settings.ts';
import { settledStock } from './stock-gap.ts';

export interface UplinkStreamDeps {
  readonly buffer: GatewayBuffer;
  readonly credentials: GatewayCredentials;
  readonly settings: UplinkSettings;
  readonly runtime: Runtime;
  readonly meters: Meters;
  readonly openLink: OpenLink;
  readonly softwareVersion: string;
  readonly connectedDevices: () => number;
  /** Learns how fast the line is, and is remembered when this stream is over. */
  readonly blockSize: BlockSize;
  /** Told when blocks may flow, with the lines that were drawn. */
  readonly onStreaming: (lines: ReadonlyMap<Lane, bigint>) => void;
  /** Told over how long the fleet is to come back when this stream is lost. */
  readonly onRetrySpread: (spreadMs: number) => void;
  /** Told the cloud's clock, microseconds since 1970, at each Welcome. */
  readonly onCloudTime: (unixMicros: bigint) => void;
}

export type StreamEnd =
  | {
      readonly kind: 'ended';
      readonly error: AppError;
      readonly retryNow: boolean;
      /** The cloud acknowledged something: a failure after that is a new one. */
      readonly isProven: boolean;
    }
  | { readonly kind: 'fenced'; readonly hint: string };

const CLOSE_TIMEOUT_MS = 2_000;

/** One stream from its Hello to its end: carries out what the session decides. */
export class UplinkStream {
  /** Resolves when the stream is over and the disk holds all that it learnt. */
  readonly finished: Promise<StreamEnd>;
  readonly #deps: UplinkStreamDeps;
  readonly #session: UplinkSession;
  readonly #link: Link;
  readonly #disk: DiskQueue;
  readonly #spans: InFlightSpans;
  readonly #pace = new LinePace();
  readonly #reporter: Reporter;
  readonly #forgetBuffer: () => void;
  readonly #stockTold: bigint;
  readonly #linkOver = Promise.withResolvers<void>();
  #sealer: LiveSealer | undefined;
  #watchdog: Timer | undefined;
  #lines: ReadonlyMap<Lane, bigint> = new Map();
  #end: StreamEnd | undefined;
  #isPumping = false;
  #isProven = false;
  #progressAtMs = 0;

  constructor(deps: UplinkStreamDeps) {
    this.#deps = deps;
    const { buffer, runtime, settings } = deps;
    const positions = buffer.positions();
    this.#session = new UplinkSession({
      incarnation: buffer.incarnation,
      positions,
      peek: (...where) => buffer.sealed(...where),
    });
    this.#disk = createDiskQueue(buffer, (error) => this.#fail(error));
    this.#spans = createInFlightSpans(runtime.tracing, runtime.clock);
    const everyMs = settings.reportEveryMs;
    this.#reporter = createReporter(runtime.clock, { everyMs, send: () => this.#report() });
    const { softwareVersion, credentials } = deps;
    const { gatewayId } = credentials;
    const { incarnation, turn } = buffer;
    this.#stockTold = settledStock(positions);
    const hello = helloFrame({ gatewayId, incarnation, turn, softwareVersion, positions });
    this.#link = deps.openLink(credentials, {
      onOpen: () => void this.#link.send(hello),
      onFrame: (response) => this.#receive(response),
      onEnd: (error) => this.#linkEnded(error),
    });
    // Its positions, and perhaps its incarnation, are others than the Hello said.
    const reopened = new AppError('UNAVAILABLE', 'the buffer was opened anew');
    this.#forgetBuffer = buffer.onReopened(() => this.#on({ kind: 'closed', error: reopened }));
    this.finished = this.#finish();
    this.#expireAfter(settings.welcomeTimeoutMs);
  }

  get phase(): Phase {
    return this.#session.phase;
  }

  holds(): readonly (LaneOf & { readonly hold: string })[] {
    return this.#session
      .holds()
      .map(({ incarnation, lane, hold }) => ({ incarnation, lane, hold }));
  }

  /** Ends the stream in good order. */
  async stop(): Promise<void> {
    const error = new AppError('UNAVAILABLE', 'the gateway is stopping');
    if (!this.#end) this.#over({ kind: 'ended', error, retryNow: false, isProven: true }, 'close');
    const cut = this.#deps.runtime.clock.after(CLOSE_TIMEOUT_MS, () => this.#link.cancel(error));
    await this.finished;
    cut.cancel();
  }

  async #finish(): Promise<StreamEnd> {
    await this.#linkOver.promise;
    this.#forgetBuffer();
    await this.#sealer?.stop();
    await this.#disk.drained();
    this.#spans.closeAll();
    const error = new AppError('UNAVAILABLE', 'the stream ended');
    return this.#end ?? { kind: 'ended', error, retryNow: false, isProven: this.#isProven };
  }

  #receive({ frame }: SyncResponse): void {
    const { clock, steps } = this.#deps.runtime;
    this.#progressAtMs = clock.monotonicMs();
    if (frame?.$case === 'ack') {
      steps.reach('uplink.ack.received');
      this.#isProven = true;
    }
    if (frame?.$case === 'welcome') {
      this.#deps.onCloudTime(frame.value.timeUnixMicros);
      this.#deps.onRetrySpread(frame.value.retrySpreadMs);
    }
    const event = eventOf(frame);
    if (event) this.#on(event);
  }

  #linkEnded(error: AppError | undefined): void {
    const closed = new AppError('UNAVAILABLE', 'the cloud ended the stream');
    this.#on({ kind: 'closed', error: error ?? closed });
    this.#linkOver.resolve();
  }

  #on(event: SessionEvent): void {
    for (const effect of this.#session.handle(event)) this.#perform(effect);
    void this.#pump();
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'prepare':
        this.#disk.run(() => this.#prepare(effect));
        break;
      case 'show-turn':
        this.#stream(effect.turn);
        break;
      case 'acknowledge':
        this.#disk.acknowledge(effect.lane, effect.durable);
        break;
      case 'settled':
        this.#settled(effect);
        break;
      case 'park':
        this.#disk.park(effect.lane, effect.range, effect.reason);
        break;
      case 'end':
        this.#over({ ...effect, kind: 'ended', isProven: this.#isProven }, 'cancel');
        break;
      case 'fence':
        this.#over({ kind: 'fenced', hint: effect.hint }, 'cancel');
        break;
      default:
        unreachable(effect);
    }
  }

  /**
   * The turn is on disk before the cloud hears of it, and what the cloud holds is freed before the
   * line is drawn.
   */
  async #prepare({ turn, durable }: Extract<Effect, { kind: 'prepare' }>): Promise<void> {
    const { buffer, runtime } = this.#deps;
    await buffer.holdTurn(turn);
    runtime.steps.reach('uplink.turn.held');
    for (const one of durable) await buffer.acknowledge(one.incarnation, one.lane, one.durable);
    await buffer.forgetSent();
    const lines = new Map<Lane, bigint>();
    for (const lane of LANES) lines.set(lane, await this.#drawLine(lane));
    this.#lines = lines;
    if (!this.#endAtGap()) this.#on({ kind: 'prepared', lines });
  }

  /**
   * What was accepted before this moment is backlog. The line lies between two blocks, so that none
   * straddles it.
   */
  async #drawLine(lane: Lane): Promise<bigint> {
    const { buffer } = this.#deps;
    const own = buffer
      .positions()
      .find((position) => position.lane === lane && position.incarnation === buffer.incarnation);
    const accepted = own?.accepted ?? 0n;
    const { blockSize } = this.#deps;
    const heads = await sealingBySize(buffer, blockSize).seal(lane);
    const straddling = heads.find(
      ({ incarnation, range }) =>
        incarnation === buffer.incarnation && range.first <= accepted && range.last > accepted,
    );
    return straddling?.range.last ?? accepted;
  }

  /** True when the stream had to end, so that the cloud hears of a gap in stock. */
  #endAtGap(): boolean {
    if (settledStock(this.#deps.buffer.positions()) === this.#stockTold) return false;
    const error = new AppError('UNAVAILABLE', 'some of stock was set aside: the cloud is told');
    this.#over({ kind: 'ended', error, retryNow: true, isProven: this.#isProven }, 'cancel');
    return true;
  }

  #stream(turn: Buffer): void {
    const { buffer, blockSize, runtime, settings } = this.#deps;
    void this.#link.send(turnHeldFrame(turn));
    this.#deps.onStreaming(this.#lines);
    this.#reporter.start();
    this.#sealer = startLiveSealer({
      buffer: sealingBySize(buffer, blockSize),
      clock: runtime.clock,
      liveSealMs: settings.liveSealMs,
      isWaiting: (lane) => this.#session.hasLiveWaiting(lane),
      onSealed: () => {
        if (this.#endAtGap()) return;
        this.#reporter.changed();
        void this.#pump();
      },
      onError: (error) => this.#fail(error),
    });
    this.#expireAfter(settings.ackTimeoutMs);
  }

  #settled({ blocks, outcome }: Extract<Effect, { kind: 'settled' }>): void {
    const { meters, blockSize } = this.#deps;
    for (const { head } of blocks) {
      this.#measure(head, outcome);
      const seconds = this.#spans.close(head, outcome);
      if (outcome !== 'acknowledged') meters.refused.add(1, { reason: outcome });
      else if (seconds !== undefined) meters.roundTripSeconds.observe(seconds);
    }
    const { bytesPerSecond } = this.#pace;
    if (bytesPerSecond !== undefined) blockSize.lineDelivers(bytesPerSecond);
    this.#reporter.changed();
  }

  #measure(head: BlockHead, outcome: string): void {
    const nowMs = this.#deps.runtime.clock.monotonicMs();
    if (outcome === 'acknowledged') this.#pace.delivered(nameOf(head), nowMs);
    else this.#pace.forgotten(nameOf(head));
  }

  /** Sends what the credits allow, one block after the other, at the pace of the line. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      for (let out = this.#next(); out; out = this.#next()) await this.#send(out);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isPumping = false;
    }
  }

  #next(): Outgoing | undefined {
    const nowMs = this.#deps.runtime.clock.monotonicMs();
    return this.#session.next((kind) => this.#pace.allows(kind, nowMs));
  }

  async #send({ head, kind }: Outgoing): Promise<void> {
    const { runtime, meters } = this.#deps;
    const block = await this.#read(head);
    if (block === 'damaged' || block === 'gone') return this.#on({ kind: block, head });
    if (this.#session.phase !== 'streaming') return;
    if (this.#session.inFlightCount === 1) this.#progressAtMs = runtime.clock.monotonicMs();
    runtime.steps.reach('uplink.block.before-send');
    const traceparent = this.#spans.open(head, block.traceparent);
    this.#pace.sent(nameOf(head), { bytes: head.bytes, kind }, runtime.clock.monotonicMs());
    const left = this.#link.send(blockFrame(block, traceparent));
    runtime.steps.reach('uplink.block.sent');
    meters.blocks.add(1, { kind });
    meters.bytes.add(head.bytes);
    await left;
  }

  /**
   * The block, unless it cannot be sent: the buffer has set it aside as damaged, or it was freed or
   * condensed meanwhile.
   */
  async #read(head: BlockHead): Promise<Block | 'damaged' | 'gone'> {
    try {
      return await this.#deps.buffer.read(head);
    } catch (error) {
      if (error instanceof AppError && error.code === 'STORE_DAMAGED') return 'damaged';
      if (error instanceof AppError && error.code === 'NOT_FOUND') return 'gone';
      throw error;
    }
  }

  #report(): void {
    const { buffer, runtime, connectedDevices } = this.#deps;
    const facts = {
      ledger: buffer.ledger(this.#lines),
      bufferBytes: buffer.bytesOnDisk,
      connectedDevices: connectedDevices(),
      monotonicMicros: runtime.clock.monotonicMicros(),
    };
    void this.#link.send(reportFrame(facts));
  }

  /** A peer that goes silent while something is owed is given up. */
  #expireAfter(ms: number): void {
    const { clock } = this.#deps.runtime;
    this.#watchdog?.cancel();
    this.#progressAtMs = clock.monotonicMs();
    const look = (): void => {
      const isOwed = this.#session.phase !== 'streaming' || this.#session.inFlightCount > 0;
      const leftMs = this.#progressAtMs + ms - clock.monotonicMs();
      if (isOwed && leftMs <= 0) this.#on({ kind: 'late' });
      else this.#watchdog = clock.after(leftMs > 0 ? leftMs : ms, look);
    };
    this.#watchdog = clock.after(ms, look);
  }

  #fail(error: unknown): void {
    if (error instanceof AssertionError) throw error;
    const known = error instanceof AppError;
    const reason = known ? error : new AppError('INTERNAL', 'the uplink failed', { cause: error });
    if (reason.code === 'INCARNATION_FENCED') {
      this.#over({ kind: 'fenced', hint: reason.hint ?? reason.message }, 'cancel');
    } else this.#on({ kind: 'closed', error: reason });
  }

  #over(end: StreamEnd, how: 'close' | 'cancel'): void {
    if (this.#end) return;
    this.#end = end;
    const error = end.kind === 'ended' ? end.error : fencedError(end.hint);
    this.#session.handle({ kind: 'closed', error });
    this.#watchdog?.cancel();
    this.#reporter.stop();
    void this.#sealer?.stop();
    if (how === 'close') this.#link.close();
    else this.#link.cancel(error);
  }
}

export function fencedError(hint: string): AppError {
  return new AppError('INCARNATION_FENCED', 'the cloud fenced this gateway', { hint });
}

/** Undefined for a frame of a newer cloud: an older gateway may skip it. */
function eventOf(frame: SyncResponse['frame']): SessionEvent | undefined {
  switch (frame?.$case) {
    case 'welcome':
      return { kind: 'welcome', welcome: frame.value };
    case 'ack':
      return { kind: 'ack', ack: frame.value };
    case 'blockRefused':
      return { kind: 'refused', refused: frame.value };
    case 'fenced':
      return { kind: 'fenced', fenced: frame.value };
    case undefined:
      return undefined;
    default:
      return unreachable(frame);
  }
}
