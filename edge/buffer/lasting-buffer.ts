import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { Contradiction } from './block-at-hand.ts';
import type {
  AcceptedMessage,
  AppendOutcome,
  BlockHead,
  Exchange,
  Buffer as GatewayBuffer,
  Offering,
} from './buffer.ts';
import type { OpenedStore } from './buffer-store.ts';
import { startScrub } from './scrub.ts';
import { isOfDisk, type Remedy, remedyFor, watchFaults } from './store-faults.ts';

/** A buffer on one opened store; after a fault of the store it is of no more use. */
export interface BufferOnStore extends GatewayBuffer {
  readonly failure: AppError | undefined;
}

export interface LastingBufferOptions {
  readonly runtime: Runtime;
  readonly onStore: (opened: OpenedStore) => BufferOnStore;
}

/** A disk that stays sick is tried again so often. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 2_000;
/** So many stores in a row that failed within this time, though the disk did nothing wrong… */
const SHORT_LIVES_MAX = 3;
const SHORT_LIFE_MS = 10_000;

/**
 * The buffer over the life of its stores. After a fault (a failed sync, a damaged page, a lost
 * thread) nothing is accepted and nothing acknowledged until the file was opened again, verified,
 * and synced or salvaged; then it goes on. Who asks meanwhile gets UNAVAILABLE.
 */
export class LastingBuffer implements GatewayBuffer {
  readonly #options: LastingBufferOptions;
  readonly #committed = new Set<(lanes: ReadonlySet<Lane>) => void>();
  readonly #reopened = new Set<() => void>();
  #store: OpenedStore;
  #inner: BufferOnStore;
  #scrub: { stop(): void } | undefined;
  #fault: AppError | undefined;
  /** What it said of itself when the fault was met: reports go on meanwhile. */
  #before: Look | undefined;
  #recovered: Promise<void> = Promise.resolve();
  #isClosed = false;
  #begunMs = 0;
  #shortLives = 0;

  constructor(opened: OpenedStore, options: LastingBufferOptions) {
    this.#options = options;
    this.#store = opened;
    this.#inner = this.#begin(opened);
  }

  /** Why it takes nothing at present. */
  get failure(): AppError | undefined {
    return this.#fault ?? this.#inner.failure;
  }

  get incarnation(): string {
    return this.#inner.incarnation;
  }

  get turn(): Uint8Array {
    return this.#inner.turn;
  }

  get bytesOnDisk(): number {
    return this.#before?.bytesOnDisk ?? this.#inner.bytesOnDisk;
  }

  append(message: AcceptedMessage): Promise<AppendOutcome> {
    return this.#fault ? Promise.reject(this.#fault) : this.#inner.append(message);
  }

  offer(message: AcceptedMessage, by: Offering): AppendOutcome | undefined {
    return this.#fault ? undefined : this.#inner.offer(message, by);
  }

  get isBehind(): boolean {
    return this.#inner.isBehind;
  }

  async caughtUp(): Promise<void> {
    await this.#inner.caughtUp();
  }

  async release(exchange: Exchange): Promise<void> {
    await this.#well.release(exchange);
  }

  async forgetClient(clientId: string): Promise<void> {
    await this.#well.forgetClient(clientId);
  }

  async holdTurn(turn: Uint8Array): Promise<void> {
    await this.#well.holdTurn(turn);
  }

  positions(): ReturnType<GatewayBuffer['positions']> {
    return this.#before?.positions ?? this.#inner.positions();
  }

  async seal(...what: Parameters<GatewayBuffer['seal']>): Promise<readonly BlockHead[]> {
    return this.#well.seal(...what);
  }

  sealed(...where: Parameters<GatewayBuffer['sealed']>): readonly BlockHead[] {
    return this.#well.sealed(...where);
  }

  async read(head: BlockHead): ReturnType<GatewayBuffer['read']> {
    const inner = this.#well;
    try {
      return await inner.read(head);
    } catch (cause) {
      const isFault = cause instanceof Contradiction && inner === this.#inner;
      if (isFault && !this.#fault && !this.#isClosed) this.#recover('salvage', cause);
      throw cause;
    }
  }

  async acknowledge(...what: Parameters<GatewayBuffer['acknowledge']>): Promise<void> {
    await this.#well.acknowledge(...what);
  }

  async forgetSent(): Promise<void> {
    await this.#well.forgetSent();
  }

  async park(...what: Parameters<GatewayBuffer['park']>): Promise<void> {
    await this.#well.park(...what);
  }

  ledger(...line: Parameters<GatewayBuffer['ledger']>): ReturnType<GatewayBuffer['ledger']> {
    return this.#before?.ledger ?? this.#inner.ledger(...line);
  }

  onCommitted(listener: (lanes: ReadonlySet<Lane>) => void): () => void {
    if (this.#isClosed) throw new AppError('UNAVAILABLE', 'the buffer is closed');
    this.#committed.add(listener);
    return () => void this.#committed.delete(listener);
  }

  onReopened(listener: () => void): () => void {
    this.#reopened.add(listener);
    return () => void this.#reopened.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#scrub?.stop();
    await this.#recovered;
    await this.#inner.close();
  }

  get #well(): BufferOnStore {
    if (this.#fault) throw this.#fault;
    return this.#inner;
  }

  #begin(opened: OpenedStore): BufferOnStore {
    const { clock } = this.#options.runtime;
    const onFault = (cause: unknown): void => {
      const remedy = this.#store === opened ? remedyFor(cause) : undefined;
      if (remedy && !this.#fault && !this.#isClosed)
        this.#recover(this.#lasting(remedy, cause), cause);
    };
    const inner = this.#options.onStore({ ...opened, ...watchFaults(opened, onFault) });
    inner.onCommitted((lanes) => {
      for (const listener of this.#committed) listener(lanes);
    });
    const onHole = (what: string): void =>
      onFault(new AppError('STORE_DAMAGED', `the buffer does not hold what it should: ${what}`));
    this.#begunMs = clock.monotonicMs();
    this.#scrub = startScrub({ open: opened.look, clock, onHole, onError: onFault });
    return inner;
  }

  /** Where opening it again does not help, the file must be at fault: it is salvaged. */
  #lasting(remedy: Remedy, cause: unknown): Remedy {
    const isShort = this.#options.runtime.clock.monotonicMs() - this.#begunMs < SHORT_LIFE_MS;
    this.#shortLives = isShort && !isOfDisk(cause) ? this.#shortLives + 1 : 0;
    if (this.#shortLives < SHORT_LIVES_MAX) return remedy;
    this.#shortLives = 0;
    return 'salvage';
  }

  #recover(remedy: Remedy, cause: unknown): void {
    const message = remedy === 'salvage' ? 'the buffer is damaged' : 'the buffer failed';
    this.#fault = new AppError('UNAVAILABLE', `${message}; it is opened again`, { cause });
    this.#options.runtime.log.error({ err: cause, remedy }, this.#fault.message);
    this.#before = lookOf(this.#inner);
    this.#scrub?.stop();
    this.#recovered = this.#reopen(remedy);
  }

  async #reopen(remedy: Remedy): Promise<void> {
    const { clock, log } = this.#options.runtime;
    // What waits in it fails, as its callers must be told; what was durable is on disk.
    await this.#inner.close().catch((err: unknown) => log.warn({ err }, 'the buffer’s end failed'));
    let retryMs = RETRY_MS_MIN;
    while (!this.#isClosed) {
      try {
        this.#store = this.#store.reopen(remedy);
        break;
      } catch (err) {
        log.error({ err, retryMs }, 'the buffer could not be opened again');
        await clock.sleep(retryMs);
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
    if (this.#isClosed) return;
    this.#inner = this.#begin(this.#store);
    this.#fault = undefined;
    this.#before = undefined;
    log.info({ incarnation: this.incarnation }, 'the buffer is well again');
    for (const listener of this.#reopened) listener();
  }
}

interface Look {
  readonly positions: ReturnType<GatewayBuffer['positions']>;
  readonly ledger: ReturnType<GatewayBuffer['ledger']>;
  readonly bytesOnDisk: number;
}

function lookOf(buffer: GatewayBuffer): Look {
  const { bytesOnDisk } = buffer;
  return { positions: buffer.positions(), ledger: buffer.ledger(new Map()), bytesOnDisk };
}
