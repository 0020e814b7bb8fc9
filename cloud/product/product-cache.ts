import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Kv } from '../platform/kv/kv.ts';
import type { ProductView } from './domain/view.ts';
import type { ProductReads } from './store/product-reads.ts';

export interface ProductCache extends ProductReads {
  /** When this resolves, no read that begins afterwards sees what was cached before. */
  invalidate(tenant: string, id: string): Promise<void>;
}

export interface ProductCacheOptions {
  readonly kv: Kv;
  readonly runtime: Pick<Runtime, 'clock' | 'log' | 'metrics'>;
  readonly source: ProductReads;
  readonly freshMs: number;
  readonly keptMs: number;
  /** False while changes of other processes may be unheard: then nothing cached is answered. */
  readonly isCurrent: () => boolean;
}

/** Ids that are not there, remembered for a short time; more are looked up each time. */
export const ABSENT_MAX = 1_000;
const ABSENT_KEPT_MS = 5_000;

interface Entry {
  /** Since 1970: several processes may share the store. */
  readonly staleAtMs: number;
  readonly view: ProductView | null;
}

/** One read of the source that others wait for, too. */
interface Flight {
  readonly view: Promise<ProductView | undefined>;
  /** Its product was changed meanwhile: what it read is not kept. */
  isOvertaken: boolean;
}

/**
 * Products through a store of short-lived values: one read at a time per product, entries that are
 * stale are answered and read anew beside, and a change deletes them. A store that is away costs
 * speed and nothing else.
 */
export function createProductCache(options: ProductCacheOptions): ProductCache {
  return new KvProductCache(options);
}

class KvProductCache implements ProductCache {
  readonly #options: ProductCacheOptions;
  readonly #flights = new Map<string, Flight>();
  readonly #reads: ReturnType<Runtime['metrics']['counter']>;
  /** Monotonic. An entry that could not be deleted has expired by then. */
  #distrustedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: ProductCacheOptions) {
    this.#options = options;
    this.#reads = options.runtime.metrics.counter(
      'holdfast_product_cache_reads_total',
      'Products asked for, by what the cache had.',
      ['outcome'],
    );
  }

  async get(tenant: string, ids: readonly string[]): Promise<ProductView[]> {
    const wanted = [...new Set(ids)];
    const found = await Promise.all(wanted.map((id) => this.#cached(keyOf(tenant, id))));
    const missing = wanted.filter((_, at) => found[at] === undefined);
    const stale = wanted.filter((_, at) => this.#isStale(found[at]));
    if (stale.length > 0) this.#refresh(tenant, stale);
    const read = await this.#read(tenant, missing);
    const views = new Map(wanted.map((id, at) => [id, found[at]?.view ?? read.get(id)]));
    return wanted.flatMap((id) => views.get(id) ?? []);
  }

  async invalidate(tenant: string, id: string): Promise<void> {
    const key = keyOf(tenant, id);
    const flight = this.#flights.get(key);
    if (flight) flight.isOvertaken = true;
    this.#flights.delete(key);
    try {
      await this.#options.kv.delete(key);
    } catch (cause) {
      passWhenAway(cause);
      const { clock } = this.#options.runtime;
      this.#distrustedUntilMs = clock.monotonicMs() + this.#options.keptMs;
    }
  }

  async #cached(key: string): Promise<Entry | undefined> {
    const { kv, isCurrent, runtime } = this.#options;
    if (!isCurrent() || runtime.clock.monotonicMs() < this.#distrustedUntilMs) return undefined;
    const text = await kv.get(key).catch(passWhenAway);
    return text === undefined ? undefined : (JSON.parse(text) as Entry);
  }

  #isStale(entry: Entry | undefined): boolean {
    const outcome = entry === undefined ? 'miss' : this.#hasExpired(entry) ? 'stale' : 'hit';
    this.#reads.add(1, { outcome });
    return outcome === 'stale';
  }

  #hasExpired({ staleAtMs }: Entry): boolean {
    return staleAtMs <= this.#options.runtime.clock.now();
  }

  /** Nobody waits for it: when it fails, the entry stays until it is gone. */
  #refresh(tenant: string, ids: readonly string[]): void {
    const { log } = this.#options.runtime;
    this.#read(tenant, ids).catch((err) => log.warn({ err }, 'products were not read anew'));
  }

  async #read(tenant: string, ids: readonly string[]): Promise<Map<string, ProductView>> {
    const unasked = ids.filter((id) => !this.#flights.has(keyOf(tenant, id)));
    if (unasked.length > 0) this.#depart(tenant, unasked);
    const found = new Map<string, ProductView>();
    const flights = ids.map((id) => this.#flights.get(keyOf(tenant, id))!.view);
    for (const view of await Promise.all(flights)) if (view) found.set(view.id, view);
    return found;
  }

  /** One query for all that nobody has asked for yet. */
  #depart(tenant: string, ids: readonly string[]): void {
    const reading = this.#options.source.get(tenant, ids);
    for (const id of ids) {
      const key = keyOf(tenant, id);
      const view = reading.then((views) => views.find((each) => each.id === id));
      const flight: Flight = { view, isOvertaken: false };
      this.#flights.set(key, flight);
      const land = async (): Promise<void> => {
        // What is kept is what was read: with it, the flight ends.
        await this.#keep(key, flight).catch(this.#noteFailure);
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
      };
      void land();
    }
  }

  readonly #noteFailure = (err: unknown): void => {
    this.#options.runtime.log.warn({ err }, 'a product was not kept in the cache');
  };

  async #keep(key: string, flight: Flight): Promise<void> {
    const { kv, runtime, freshMs, keptMs } = this.#options;
    const view = await flight.view;
    if (!view && !(await this.#mayKeepAbsent())) return;
    const lives = view ? { fresh: freshMs, kept: keptMs } : ABSENT_LIVES;
    const entry: Entry = { staleAtMs: runtime.clock.now() + lives.fresh, view: view ?? null };
    // Nothing is awaited between this and the command, which goes out before any later delete.
    if (flight.isOvertaken) return;
    await kv.set(key, JSON.stringify(entry), { ttlMs: lives.kept }).catch(passWhenAway);
  }

  async #mayKeepAbsent(): Promise<boolean> {
    const { kv } = this.#options;
    const options = { ttlMs: ABSENT_KEPT_MS };
    const count = await kv.increment(ABSENT_COUNT_KEY, options).catch(passWhenAway);
    return count !== undefined && count <= ABSENT_MAX;
  }
}

const ABSENT_LIVES = { fresh: ABSENT_KEPT_MS, kept: ABSENT_KEPT_MS };
const ABSENT_COUNT_KEY = 'product/absent';

function keyOf(tenant: string, id: string): string {
  return `product/1/${tenant}/${id}`;
}

function passWhenAway(cause: unknown): undefined {
  if (cause instanceof AppError && cause.code === 'UNAVAILABLE') return undefined;
  throw cause;
}
