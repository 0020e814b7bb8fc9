import { ProductServiceService } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { type Random, seededRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { openMemoryKv } from '../platform/kv/kv.memory.ts';
import type { Kv } from '../platform/kv/kv.ts';
import type { PeerCall } from '../platform/peer/peer.ts';
import type { ProductView } from './domain/view.ts';
import { DATABASES, PEAS, type ProductProcess, ProductWorld } from './product.fixture.ts';
import { ABSENT_MAX, createProductCache } from './product-cache.ts';
import type { ProductReads } from './store/product-reads.ts';

const SEED = Number(process.env['HOLDFAST_SEED']);
const OFF = { cache: { enabled: false } };

describe('the cache of products', () => {
  it('reads once for all who ask at once, and not again while it is fresh', async () => {
    const { cache, source } = setUp();
    const asked = Array.from({ length: 20 }, () => cache.get('dev', ['a', 'b']));
    await settle();
    expect(source.calls).toEqual([['a', 'b']]);
    source.answer();
    for (const views of await Promise.all(asked)) expect(versions(views)).toEqual([1, 1]);
    await settle();
    expect(versions(await cache.get('dev', ['b', 'a', 'b']))).toEqual([1, 1]);
    expect(source.calls).toHaveLength(1);
  });

  it('answers a stale entry at once and reads it anew beside, once', async () => {
    const { cache, source, clock } = setUp();
    await read({ cache, source }, 'a');
    clock.advance(1_001);
    source.version = 2;
    expect(versions(await cache.get('dev', ['a']))).toEqual([1]);
    expect(versions(await cache.get('dev', ['a']))).toEqual([1]);
    expect(source.calls).toHaveLength(2);
    source.answer();
    await settle();
    expect(versions(await cache.get('dev', ['a']))).toEqual([2]);
    clock.advance(5_001);
    void cache.get('dev', ['a']);
    await settle();
    expect(source.calls).toHaveLength(3);
    source.answer();
  });

  it('does not keep what was read before a change, nor show it to who asks after', async () => {
    const { cache, source } = setUp();
    const early = cache.get('dev', ['a']);
    await settle();
    await cache.invalidate('dev', 'a');
    const late = cache.get('dev', ['a']);
    await settle();
    expect(source.calls).toHaveLength(2);
    source.answer(1, 2);
    source.answer(0, 1);
    expect(versions(await early)).toEqual([1]);
    expect(versions(await late)).toEqual([2]);
    await settle();
    expect(versions(await cache.get('dev', ['a']))).toEqual([2]);
    expect(source.calls).toHaveLength(2);
  });

  it('keeps tenants apart', async () => {
    const { cache, source } = setUp();
    await read({ cache, source }, 'a');
    void cache.get('other', ['a']);
    await settle();
    expect(source.calls).toHaveLength(2);
    source.answer();
  });

  it('remembers a bounded number of ids that are not there', async () => {
    const { cache, source } = setUp();
    source.absent = true;
    for (let at = 0; at < ABSENT_MAX + 10; at++) await read({ cache, source }, `x${at}`);
    const before = source.calls.length;
    expect(await cache.get('dev', ['x0'])).toEqual([]);
    expect(source.calls).toHaveLength(before);
    const beyond = cache.get('dev', [`x${ABSENT_MAX + 5}`]);
    await settle();
    expect(source.calls).toHaveLength(before + 1);
    source.answer();
    expect(await beyond).toEqual([]);
  });

  it('goes to the source while changes may be unheard, and without a store', async () => {
    const world = setUp();
    await read(world, 'a');
    world.state.isCurrent = false;
    await read(world, 'a');
    world.state.isCurrent = true;
    world.state.isAway = true;
    await read(world, 'a');
    expect(world.source.calls).toHaveLength(3);
    // What could not be deleted is not trusted when the store is back.
    await world.cache.invalidate('dev', 'a');
    world.state.isAway = false;
    world.source.version = 2;
    await read(world, 'a');
    expect(world.source.calls).toHaveLength(4);
  });

  it('throws what the source threw, and asks it again', async () => {
    const { cache, source } = setUp();
    const failing = cache.get('dev', ['a']);
    await settle();
    source.fail();
    await expect(failing).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await settle();
    expect(versions(await read({ cache, source }, 'a'))).toEqual([1]);
  });
});

let world: ProductWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`products with a cache and without, ${title}`, () => {
    it('answer the same to the same reads and writes', async () => {
      const answers: unknown[][] = [];
      for (const settings of [{}, OFF]) {
        world = await ProductWorld.open({ technology, settings });
        answers.push(await walk(await world.start(), seededRandom(SEED)));
        await world.close();
        world = undefined;
      }
      expect(answers[0], `seed ${SEED}`).toEqual(answers[1]);
    });

    it('would not answer the same if a change left the cache as it is', async () => {
      const answers: unknown[][] = [];
      for (const settings of [{}, OFF]) {
        world = await ProductWorld.open({ technology, settings, kv: forgetful() });
        answers.push(await walk(await world.start(), seededRandom(SEED)));
        await world.close();
        world = undefined;
      }
      expect(answers[0], `seed ${SEED}`).not.toEqual(answers[1]);
    });

    it('hears what another process changed', async () => {
      world = await ProductWorld.open({ technology });
      const [one, other] = [await world.start(), await world.start()];
      const path = `/v1/products/${(await one.create()).body.id}`;
      expect((await other.get(path)).body.name).toBe('Garden peas');
      await one.change('PATCH', path, { body: { name: 'Peas' } });
      await expect.poll(async () => (await other.get(path)).body.name).toBe('Peas');
      await one.change('DELETE', path);
      await expect.poll(async () => (await other.get(path)).status).toBe(404);
    });
  });
}

/** Reads by HTTP and by peers, and writes, as the random numbers say; what was answered. */
async function walk(product: ProductProcess, random: Random): Promise<unknown[]> {
  const answers: unknown[] = [];
  const ids: string[] = [];
  const anyId = (): string => ids[random.int(ids.length)] ?? 'prd_none';
  const steps: readonly (() => Promise<unknown>)[] = [
    async () => {
      const made = await product.create({ ...PEAS, item: `ITEM-${random.int(6)}` });
      if (made.status === 201) ids.push(made.body.id);
      return made.status;
    },
    async () => {
      const body = { name: `Name ${random.int(100)}` };
      const changed = await product.change('PATCH', `/v1/products/${anyId()}`, { body });
      return [changed.status, changed.body?.version];
    },
    async () => (await product.change('DELETE', `/v1/products/${anyId()}`)).status,
    ...Array.from({ length: 5 }, () => async () => {
      const id = anyId();
      const { status, body, headers } = await product.get(`/v1/products/${id}`);
      return [status, body?.name, body?.version, headers.get('etag')];
    }),
    async () => {
      const wanted = [anyId(), anyId(), 'prd_none'];
      const { products } = await getProducts(product, wanted);
      return products.map(({ name, version, deleted }) => [name, version, deleted]);
    },
  ];
  for (let step = 0; step < 120; step++) answers.push(await steps[random.int(steps.length)]!());
  return answers;
}

/** A planted bug: what was deleted is still there. */
function forgetful(): Kv {
  const store = openMemoryKv({ runtime: testRuntime() });
  return new Proxy(store, {
    get: (target, name: keyof Kv) =>
      name === 'delete' ? async () => undefined : target[name].bind(target),
  });
}

/** As a peer that shares the process asks. */
function getProducts(product: ProductProcess, ids: string[]) {
  const peer = product.handle.peers[0]!;
  expect(peer.definition).toBe(ProductServiceService);
  const { getProducts: handler } = peer.handlers as unknown as {
    getProducts(
      request: { ids: string[] },
      call: PeerCall,
    ): Promise<{ products: { name: string; version: bigint; deleted: boolean }[] }>;
  };
  const scope = { tenant: 'dev', actor: 'order' };
  return handler({ ids }, { caller: 'order', scope, signal: new AbortController().signal });
}

interface Pending {
  readonly ids: readonly string[];
  readonly resolve: (views: ProductView[]) => void;
  readonly reject: (cause: unknown) => void;
}

/** A source that answers when it is told to. */
class SlowSource implements ProductReads {
  readonly calls: (readonly string[])[] = [];
  readonly #pending: (Pending | undefined)[] = [];
  version = 1;
  absent = false;

  get(_: string, ids: readonly string[]): Promise<ProductView[]> {
    this.calls.push(ids);
    return new Promise((resolve, reject) => {
      this.#pending.push({ ids, resolve, reject });
    });
  }

  /** The given call, or the last. */
  answer(call = this.calls.length - 1, version = this.version): void {
    const views = (id: string) => ({ id, version }) as ProductView;
    this.#pending[call]?.resolve(this.absent ? [] : this.calls[call]!.map(views));
  }

  fail(): void {
    this.#pending.at(-1)?.reject(new AppError('UNAVAILABLE', 'the database is away'));
  }
}

function setUp() {
  const clock = simulatedClock(0);
  const runtime = testRuntime({ clock });
  const state = { isCurrent: true, isAway: false };
  const source = new SlowSource();
  const store = openMemoryKv({ runtime });
  const kv = new Proxy(store, {
    get: (target, name: keyof Kv) => {
      if (!state.isAway) return target[name].bind(target);
      return () => Promise.reject(new AppError('UNAVAILABLE', 'the store is away'));
    },
  });
  const isCurrent = (): boolean => state.isCurrent;
  const limits = { freshMs: 1_000, keptMs: 5_000 };
  const cache = createProductCache({ kv, runtime, source, isCurrent, ...limits });
  return { cache, source, clock, state };
}

async function read(
  { cache, source }: Pick<ReturnType<typeof setUp>, 'cache' | 'source'>,
  id: string,
): Promise<ProductView[]> {
  const reading = cache.get('dev', [id]);
  await settle();
  source.answer();
  const views = await reading;
  await settle();
  return views;
}

/** Everything that needs no answer of the source is done. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

function versions(views: readonly ProductView[]): number[] {
  return views.map(({ version }) => version);
}
