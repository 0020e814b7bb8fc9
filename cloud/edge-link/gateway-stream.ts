import type { GatewayName } from '@holdfast/shared/contracts/gateway-identity.ts';
import type {
  Hello,
  SyncResponse,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { AssertionError, assert } from '@holdfast/shared/lib/assert.ts';
import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { Outbox } from '../platform/outbox/outbox.ts';
import type { Relay } from '../platform/outbox/relay.ts';
import type { ArrivedRequest } from './arrived-request.ts';
import {
  type ArrivedBlock,
  type BlockIntake,
  createBlockIntake,
  type IntakeDeps,
} from './block-intake.ts';
import type { CreditShare, CreditShares } from './domain/credit-shares.ts';
import { frameAction, frameKind, type StreamPhase } from './domain/stream-phase.ts';
import type { PositionsConsumer } from './events/positions-consumer.ts';
import { fencedFrame, greetGateway, welcomeFrame } from './greet-gateway.ts';
import type { GreetingGate } from './greeting-gate.ts';
import type { RecentTrouble } from './recent-trouble.ts';
import { createReportWriter, type ReportWriter } from './report-writer.ts';
import type { EdgeLinkSettings } from './settings.ts';
import {
  type Standing,
  type StreamIdentity,
  storeDisconnected,
  welcomesOf,
} from './store/gateways.ts';
import { storeShown } from './store/greeting.ts';
import { replacedError, revokedError, type StreamRegistry } from './stream-registry.ts';

export interface StreamDeps extends IntakeDeps {
  readonly settings: EdgeLinkSettings;
  readonly positions: PositionsConsumer;
  readonly outbox: Outbox;
  /** Told of each commit that wrote an event. */
  readonly relay: Pick<Relay, 'nudge'>;
  readonly registry: StreamRegistry;
  readonly credits: CreditShares;
  readonly gate: GreetingGate;
  readonly trouble: RecentTrouble;
}

/** What carries the stream. */
export interface StreamSocket {
  /** Lets the gateway say Hello; it waits for this. */
  accept(): void;
  send(response: SyncResponse): void;
  /** Ends the stream after what was sent; with an error its status says why. */
  end(error?: AppError): void;
}

export type EndReason = 'closed' | 'lost' | 'replaced' | 'draining';

/** One append takes at most this many blocks; the rest waits for the next. */
const APPEND_BLOCKS_MAX = 256;
/** Beyond the credits: room for one block, so that a gateway with small credits is not stuck. */
const OVERDRAFT_BYTES = 1024 * 1024;
const FRAMES_WAITING_MAX = 8_192;
const STREAM_ID_BYTES = 12;
/** What greeting a gateway takes of this process, its TLS handshake included. */
const GREETING_MS = 20;
const RETRY_SPREAD_MS_MAX = 20_000;

interface Welcomed {
  readonly identity: StreamIdentity;
  /** Hexadecimal. */
  readonly turn: string;
  readonly intake: BlockIntake;
  readonly reports: ReportWriter;
}

/**
 * One gateway's stream. Its frames are handled one after the other, in the order in which they
 * came.
 */
export class GatewayStream {
  readonly #deps: StreamDeps;
  readonly #peer: GatewayName;
  readonly #socket: StreamSocket;
  readonly #streamId: string;
  readonly #queue: ArrivedRequest[] = [];
  /**
   * How many Welcomes the gateway had when this stream was opened; undefined when that could not be
   * read.
   */
  readonly #welcomesAtOpen: Promise<bigint | undefined>;
  #phase: StreamPhase = 'opened';
  #welcomed: Welcomed | undefined;
  #working: Promise<void> | undefined;
  #finished: Promise<void> | undefined;
  #inFlightBytes = 0;
  readonly #credit: CreditShare;
  #greeted: () => void = () => {};
  #lastFrameMs: number;
  #watchdog: Timer;

  constructor(deps: StreamDeps, peer: GatewayName, socket: StreamSocket) {
    this.#deps = deps;
    this.#peer = peer;
    this.#socket = socket;
    this.#streamId = deps.runtime.random.bytes(STREAM_ID_BYTES).toString('hex');
    this.#lastFrameMs = deps.runtime.clock.monotonicMs();
    this.#credit = deps.credits.share();
    this.#watchdog = this.#watch(deps.settings.helloTimeoutMs);
    deps.registry.open(this);
    deps.meters.streams.set(deps.registry.size);
    this.#welcomesAtOpen = this.#open();
  }

  receive(request: ArrivedRequest): void {
    if (this.#phase === 'ended') return;
    this.#lastFrameMs = this.#deps.runtime.clock.monotonicMs();
    if (request.frame?.$case === 'block') {
      this.#deps.runtime.steps.reach('edge-link.block.received');
      this.#inFlightBytes += request.frame.value.body.byteLength;
    }
    const bytesMax = this.#deps.settings.creditBytes + OVERDRAFT_BYTES;
    if (this.#inFlightBytes > bytesMax || this.#queue.length >= FRAMES_WAITING_MAX) {
      void this.end('closed', new AppError('RATE_LIMITED', 'more in flight than the credits'));
      return;
    }
    this.#queue.push(request);
    this.#working ??= this.#work();
  }

  /**
   * Ends the stream once. Resolves when its last write is done and its end is stored; never
   * rejects.
   */
  end(reason: EndReason, error?: AppError): Promise<void> {
    if (this.#finished) return this.#finished;
    const finished = Promise.withResolvers<void>();
    // Set first: ending the socket calls this again.
    this.#finished = finished.promise;
    void this.#finish(reason, error).then(finished.resolve);
    return finished.promise;
  }

  /** Its gateway was revoked. */
  turnOut(): Promise<void> {
    if (!this.#finished) this.#deps.meters.revoked.add(1);
    return this.end('closed', revokedError());
  }

  async #finish(reason: EndReason, error?: AppError): Promise<void> {
    this.#phase = 'ended';
    this.#queue.length = 0;
    this.#watchdog.cancel();
    this.#leaveGate();
    this.#socket.end(error);
    await this.#working;
    await this.#welcomed?.reports.stop();
    await this.#storeEnd(reason);
    this.#closeCredit();
    this.#deps.registry.release(this);
    this.#deps.meters.streams.set(this.#deps.registry.size);
  }

  async #storeEnd(reason: EndReason): Promise<void> {
    const identity = this.#welcomed?.identity;
    if (!identity) return;
    const { sql, runtime, outbox, relay } = this.#deps;
    const options = { reason, nowMicros: runtime.clock.nowMicros(), outbox };
    try {
      await sql.transaction((tx) => storeDisconnected(tx, identity, options));
      relay.nudge();
    } catch (err) {
      // Not lost: a gateway that stays silent is marked as lost by any process of edge-link.
      runtime.log.warn({ err, gatewayId: this.#peer.gatewayId }, 'the end was not stored');
    }
  }

  async #work(): Promise<void> {
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        await this.#handle(next);
      }
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      this.#fail(error);
    } finally {
      this.#working = undefined;
    }
  }

  #fail(error: unknown): void {
    const { log } = this.#deps.runtime;
    log.warn({ err: error, gatewayId: this.#peer.gatewayId }, 'the stream failed');
    this.#deps.trouble.failed(error);
    const known = error instanceof AppError;
    void this.end('closed', known ? error : new AppError('INTERNAL', 'the stream failed'));
  }

  async #handle(request: ArrivedRequest): Promise<void> {
    const action = frameAction(this.#phase, frameKind(request));
    const { frame } = request;
    if (action === 'ignore') return;
    if (action === 'violation') {
      throw new AppError('REQUEST_INVALID', `frame ${frameKind(request)} while ${this.#phase}`);
    }
    assert(frame, 'every other action has a frame');
    if (frame.$case === 'hello') return this.#greet(frame.value);
    if (frame.$case === 'report') return this.#established().reports.offer(frame.value);
    if (frame.$case === 'turnHeld') return this.#show(frame.value.turn.toString('hex'));
    if (action === 'show-turn-and-take') await this.#show(this.#established().turn);
    if (this.#phase === 'streaming') await this.#take(request);
  }

  /**
   * The order of a gateway's streams is that of their opening, however late their frames arrive.
   */
  async #open(): Promise<bigint | undefined> {
    try {
      const welcomes = await this.#deps.sql.read((db) => welcomesOf(db, this.#peer.gatewayId));
      if (!this.#isEnded()) this.#askIn();
      return welcomes;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** The gateway says Hello when it is let in; its time for that begins then. */
  #askIn(): void {
    const { gate, meters, runtime } = this.#deps;
    this.#greeted = gate.ask(() => {
      this.#lastFrameMs = runtime.clock.monotonicMs();
      this.#socket.accept();
    });
    meters.greetingsWaiting.set(gate.waiting);
  }

  #leaveGate(): void {
    this.#greeted();
    this.#greeted = () => {};
    this.#deps.meters.greetingsWaiting.set(this.#deps.gate.waiting);
  }

  #closeCredit(): void {
    this.#credit.close();
    this.#deps.meters.credits.set(this.#deps.credits.grantedBytes);
  }

  async #greet(hello: Hello): Promise<void> {
    const deps = this.#deps;
    this.#phase = 'greeting';
    const welcomesAtOpen = await this.#welcomesAtOpen;
    if (welcomesAtOpen === undefined || this.#isEnded()) return;
    const greeted = await greetGateway(deps, hello, {
      peer: this.#peer,
      streamId: this.#streamId,
      welcomesAtOpen,
      takeOver: () => deps.registry.claim(this.#peer.gatewayId, this),
      isOpen: () => !this.#isEnded(),
    });
    if (greeted.kind === 'gone') return;
    if (greeted.kind === 'stale') {
      this.#leave('replaced', hello.incarnation);
      return;
    }
    if (greeted.kind === 'revoked') {
      void this.turnOut();
      return;
    }
    if (greeted.kind === 'fenced') {
      deps.meters.fenced.add(1);
      return this.#leave(greeted.reason, hello.incarnation);
    }
    const { identity, turn, lanes, claimed } = greeted;
    const reports = createReportWriter(deps, {
      identity,
      onStanding: (standing) => this.#leave(standing, identity.incarnation),
      onError: (error) => this.#fail(error),
    });
    this.#welcomed = {
      identity,
      turn,
      reports,
      intake: createBlockIntake(deps, identity.peer, { held: lanes, claimed }),
    };
    if (this.#isEnded()) return;
    this.#phase = 'welcomed';
    const nowMicros = deps.runtime.clock.nowMicros();
    const creditBytes = this.#credit.open();
    deps.meters.credits.set(deps.credits.grantedBytes);
    const retrySpreadMs = Math.min(RETRY_SPREAD_MS_MAX, deps.registry.size * GREETING_MS);
    const welcome = { turn, creditBytes, retrySpreadMs, nowMicros };
    this.#socket.send(welcomeFrame(lanes, welcome));
    deps.trouble.worked();
    this.#leaveGate();
  }

  async #show(turn: string): Promise<void> {
    const { identity, turn: given } = this.#established();
    if (turn !== given) throw new AppError('REQUEST_INVALID', 'TurnHeld shows another turn');
    const standing = await this.#deps.sql.transaction((tx) => storeShown(tx, identity, turn));
    if (this.#isEnded()) return;
    if (standing === 'current') this.#phase = 'streaming';
    else this.#leave(standing, identity.incarnation);
  }

  async #take(first: ArrivedRequest): Promise<void> {
    const arrived = arrivedIn(first);
    for (let next = this.#queue[0]; arrived.length < APPEND_BLOCKS_MAX; next = this.#queue[0]) {
      if (next?.frame?.$case !== 'block') break;
      arrived.push(...arrivedIn(next));
      this.#queue.shift();
    }
    const answers = await this.#established().intake.take(arrived);
    this.#deps.trouble.worked();
    for (const { block } of arrived) this.#inFlightBytes -= block.body.byteLength;
    if (this.#isEnded()) return;
    for (const answer of answers) this.#socket.send(this.#withCredit(answer));
    this.#deps.meters.credits.set(this.#deps.credits.grantedBytes);
    this.#deps.runtime.steps.reach('edge-link.ack.sent');
  }

  /** An answer says how many bytes it covers; what is granted for them is the fleet's matter. */
  #withCredit({ frame }: SyncResponse): SyncResponse {
    if (frame?.$case === 'ack') {
      const creditBytes = BigInt(this.#credit.giveBack(Number(frame.value.creditBytes)));
      return { frame: { $case: 'ack', value: { ...frame.value, creditBytes } } };
    }
    if (frame?.$case !== 'blockRefused') return { frame };
    const creditBytes = BigInt(this.#credit.giveBack(Number(frame.value.creditBytes)));
    return { frame: { $case: 'blockRefused', value: { ...frame.value, creditBytes } } };
  }

  /** The stream no longer speaks for its gateway. */
  #leave(standing: Exclude<Standing, 'current'>, incarnation: string): void {
    if (standing === 'replaced') {
      void this.end('replaced', replacedError());
      return;
    }
    if (!this.#isEnded()) this.#socket.send(fencedFrame(incarnation, standing));
    void this.end('closed');
  }

  #watch(ms: number): Timer {
    const { runtime, settings } = this.#deps;
    return runtime.clock.after(ms, () => {
      const limitMs = this.#phase === 'opened' ? settings.helloTimeoutMs : settings.idleTimeoutMs;
      const leftMs = this.#lastFrameMs + limitMs - runtime.clock.monotonicMs();
      if (leftMs > 0) this.#watchdog = this.#watch(leftMs);
      else void this.end('lost', new AppError('DEADLINE_EXCEEDED', 'the gateway fell silent'));
    });
  }

  /** A method, since the phase changes while this awaits. */
  #isEnded(): boolean {
    return this.#phase === 'ended';
  }

  #established(): Welcomed {
    assert(this.#welcomed, 'the phase table admits this frame only after the Welcome');
    return this.#welcomed;
  }
}

function arrivedIn({ frame, traceparent, blockBytes: bytes }: ArrivedRequest): ArrivedBlock[] {
  return frame?.$case === 'block' ? [{ block: frame.value, bytes, traceparent }] : [];
}
