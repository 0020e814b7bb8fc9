import type {
  Level,
  WatchResponse,
} from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import type { Product } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import type { Principal, Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { TokenVerifier } from '@holdfast/shared/runtime/access-token.ts';
import { type SimulatedClock, simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { createApp } from '@holdfast/shared/runtime/http.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { expect } from 'vitest';
import { createApi } from '../platform/http/api.ts';
import type { PeerCallOptions } from '../platform/peer/peer.ts';
import type { GraphPeers } from './context.ts';
import { type GraphHandle, openGraph } from './graph.module.ts';

export const CUSTOMER = 'customer@dev';
/** Of the site `store`, not of `depot`. */
export const OPERATOR = 'operator@dev';
export const STRANGER = 'administrator@other';

const verifier: TokenVerifier = {
  async verify(header): Promise<Principal> {
    if (header === undefined) throw new AppError('TOKEN_MISSING', 'no token');
    const [role, tenant] = header.slice('Bearer '.length).split('@');
    if (!tenant) throw new AppError('TOKEN_INVALID', 'no such token');
    return { subject: `usr_${role}`, tenant, sites: ['store'], roles: [role as Role] };
  },
};

const policy: Policy = {
  revision: 'test-1',
  decide({ roles, sites }, question) {
    const site = question.action === 'stock.read' ? question.resource.site : '';
    const allowed = roles.includes('operator') && sites.includes(site);
    return { allowed, reasons: ['by test'], revision: 'test-1' };
  },
};

/** Products and stock of the tenant `dev`, and every call that was made. */
export class GraphWorld {
  readonly calls: { readonly name: string; readonly request: unknown; readonly tenant: string }[] =
    [];
  readonly clock: SimulatedClock = simulatedClock();
  readonly handle: GraphHandle;
  readonly watches: AbortSignal[] = [];
  readonly #fetch: (request: Request) => Response | Promise<Response>;
  #change: ((levels: Level[]) => void) | undefined;
  failure: Error | undefined;

  constructor(options: { readonly development?: boolean; readonly loopback?: boolean } = {}) {
    const { development = false, loopback = true } = options;
    const runtime = testRuntime({ clock: this.clock });
    const settings = { development };
    this.handle = openGraph({ peers: this.#peers(), policy, settings, loopback, runtime });
    const api = createApi({ app: createApp(runtime), verifier });
    this.handle.routes(api);
    this.#fetch = (request) => api.app.fetch(request);
  }

  fetch(body: string, headers: Record<string, string> = {}, signal?: AbortSignal) {
    const init = { method: 'POST', body, headers: { ...JSON_HEADERS, ...headers } };
    return this.#fetch(new Request('http://cloud/graphql', { ...init, ...(signal && { signal }) }));
  }

  page(): Response | Promise<Response> {
    const headers = { accept: 'text/html' };
    return this.#fetch(new Request('http://cloud/graphql', { headers }));
  }

  async query(query: string, options: { variables?: object; token?: string } = {}) {
    const { variables = {}, token = CUSTOMER } = options;
    const authorization = `Bearer ${token}`;
    const response = await this.fetch(JSON.stringify({ query, variables }), { authorization });
    // biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
    const body: any = await response.json();
    return { status: response.status, ...body };
  }

  /** Somebody waits for a change. */
  async isWatched(): Promise<void> {
    await expect.poll(() => this.#change !== undefined).toBe(true);
  }

  /** Tells whoever watches. */
  change(...levels: Level[]): void {
    this.#change?.(levels);
  }

  #called(name: string, request: unknown, { scope }: PeerCallOptions): void {
    this.calls.push({ name, request, tenant: scope.tenant });
    if (this.failure) throw this.failure;
  }

  #peers(): GraphPeers {
    const products = {
      getProducts: async (request: { ids: string[] }, options: PeerCallOptions) => {
        this.#called('getProducts', request, options);
        const known = request.ids.map(Number).filter((id) => id <= PRODUCTS);
        return { products: options.scope.tenant === 'dev' ? known.map(product) : [] };
      },
      listProducts: async (
        request: { limit: number; cursor: string },
        options: PeerCallOptions,
      ) => {
        this.#called('listProducts', request, options);
        const from = Number(request.cursor || 0);
        const to = Math.min(from + request.limit, PRODUCTS);
        const listed = Array.from({ length: to - from }, (_, at) => product(from + at + 1));
        const nextCursor = to < PRODUCTS ? String(to) : '';
        return { products: options.scope.tenant === 'dev' ? listed : [], nextCursor };
      },
    };
    const inventory = {
      getLevels: async (request: { items: string[] }, options: PeerCallOptions) => {
        this.#called('getLevels', request, options);
        const sites = ['depot', 'store'];
        return { levels: request.items.flatMap((item) => sites.map((site) => level(item, site))) };
      },
      watch: (
        request: { items: string[] },
        options: PeerCallOptions & { readonly signal: AbortSignal },
      ) => {
        this.#called('watch', request, options);
        this.watches.push(options.signal);
        return this.#watch(request.items, options.signal);
      },
    };
    return { products, inventory } as unknown as GraphPeers;
  }

  async *#watch(items: readonly string[], signal: AbortSignal): AsyncGenerator<WatchResponse> {
    yield { levels: items.map((item) => level(item, 'store')) };
    while (!signal.aborted) {
      const levels = await new Promise<Level[]>((resolve) => {
        this.#change = resolve;
        signal.addEventListener('abort', () => resolve([]));
      });
      if (levels.length > 0) yield { levels };
    }
  }
}

const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json' };
export const PRODUCTS = 130;

export function product(id: number): Product {
  return {
    id: String(id),
    item: `ITEM-${id}`,
    name: `Product ${id}`,
    description: '',
    taxClass: 'reduced',
    prices: [{ currency: 'EUR', minorUnits: 329n }],
    categories: ['frozen'],
    imageUrls: [],
    version: 1n,
    deleted: id === 13,
  };
}

export function level(item: string, site: string, free = 5n): Level {
  const amounts = { onHand: 10n, reserved: 2n, sold: 3n, free };
  return { site, item, ...amounts, version: 7n, changedAtMicros: 1_780_000_000_000_000n };
}
