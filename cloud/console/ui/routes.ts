import { createObservable, type Observable } from '@holdfast/shared/ui/observable.ts';

/** Where the cloud serves the console. */
export const CONSOLE_BASE = '/console/';

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'devices'; readonly search: string }
  | { readonly page: 'device'; readonly id: string; readonly query: URLSearchParams }
  | { readonly page: 'orders'; readonly state: string; readonly cursor: string }
  | { readonly page: 'order'; readonly id: string }
  | { readonly page: 'products'; readonly search: string; readonly cursor: string }
  | { readonly page: 'product'; readonly id: string }
  | { readonly page: 'stock'; readonly search: string }
  | { readonly page: 'unknown' };

/** The form for a product that is not there yet. */
export const NEW_PRODUCT = 'new';

export function parseRoute(url: URL): Route {
  const [page = '', id = '', ...rest] = url.pathname.slice(CONSOLE_BASE.length).split('/');
  if (rest.length > 0) return { page: 'unknown' };
  const name = decode(id);
  if (name === undefined) return { page: 'unknown' };
  return name === '' ? listRoute(page, url.searchParams) : itemRoute(page, name, url.searchParams);
}

function listRoute(page: string, query: URLSearchParams): Route {
  const search = query.get('q') ?? '';
  const cursor = query.get('cursor') ?? '';
  switch (page) {
    case '':
      return { page: 'overview' };
    case 'devices':
    case 'stock':
      return { page, search };
    case 'orders':
      return { page, state: query.get('state') ?? '', cursor };
    case 'products':
      return { page, search, cursor };
    default:
      return { page: 'unknown' };
  }
}

function itemRoute(page: string, id: string, query: URLSearchParams): Route {
  switch (page) {
    case 'devices':
      return { page: 'device', id, query };
    case 'orders':
      return { page: 'order', id };
    case 'products':
      return { page: 'product', id };
    default:
      return { page: 'unknown' };
  }
}

export function devicesPath(search = ''): string {
  return listPath('devices', { q: search });
}

export function ordersPath(query: { state?: string; cursor?: string } = {}): string {
  return listPath('orders', query);
}

export function orderPath(id: string): string {
  return `${CONSOLE_BASE}orders/${encodeURIComponent(id)}`;
}

export function productsPath(query: { q?: string; cursor?: string } = {}): string {
  return listPath('products', query);
}

export function productPath(id: string): string {
  return `${CONSOLE_BASE}products/${encodeURIComponent(id)}`;
}

export function stockPath(search = ''): string {
  return listPath('stock', { q: search });
}

/** What is empty is left out. */
function listPath(page: string, query: Record<string, string>): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const text = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return `${CONSOLE_BASE}${page}${text === '' ? '' : `?${text}`}`;
}

export function devicePath(id: string, query: Record<string, string>): string {
  return `${CONSOLE_BASE}devices/${encodeURIComponent(id)}?${new URLSearchParams(query)}`;
}

export interface Router {
  readonly route: Observable<Route>;
  /** `replace` for what is not a step back: a typed search, a chosen range. */
  go(path: string, how?: 'push' | 'replace'): void;
}

/** The address bar is the state: a reload, a bookmark and the back button show the same page. */
export function createRouter(): Router {
  const route = createObservable(parseRoute(new URL(location.href)));
  const show = (): void => route.set(parseRoute(new URL(location.href)));
  window.addEventListener('popstate', show);
  const go = (path: string, how: 'push' | 'replace' = 'push'): void => {
    if (how === 'push') history.pushState(null, '', path);
    else history.replaceState(null, '', path);
    show();
    if (how === 'push') window.scrollTo(0, 0);
  };
  document.addEventListener('click', (event) => {
    const path = innerLink(event);
    if (path === undefined) return;
    event.preventDefault();
    go(path);
  });
  return { route, go };
}

/**
 * The path of a plain click on a link into the console; a new tab, a download or another site stay
 * the browser's.
 */
function innerLink(event: MouseEvent): string | undefined {
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (event.defaultPrevented || event.button !== 0 || modified) return undefined;
  const link = (event.target as Element | null)?.closest('a');
  if (link?.target !== '' || link.origin !== location.origin) return undefined;
  // A jump within the page.
  if (link.getAttribute('href')?.startsWith('#')) return undefined;
  return link.pathname.startsWith(CONSOLE_BASE) ? link.pathname + link.search : undefined;
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    // A stray % in a typed address: no such page.
    return undefined;
  }
}
