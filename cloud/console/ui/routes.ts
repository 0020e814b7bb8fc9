import { createObservable, type Observable } from '@holdfast/shared/ui/observable.ts';

/** Where the cloud serves the console. */
export const CONSOLE_BASE = '/console/';

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'devices'; readonly search: string }
  | { readonly page: 'device'; readonly id: string; readonly query: URLSearchParams }
  | { readonly page: 'unknown' };

export function parseRoute(url: URL): Route {
  const [page = '', id = '', ...rest] = url.pathname.slice(CONSOLE_BASE.length).split('/');
  if (rest.length > 0) return { page: 'unknown' };
  if (page === '' && id === '') return { page: 'overview' };
  if (page !== 'devices') return { page: 'unknown' };
  if (id === '') return { page: 'devices', search: url.searchParams.get('q') ?? '' };
  const name = decode(id);
  return name === undefined
    ? { page: 'unknown' }
    : { page: 'device', id: name, query: url.searchParams };
}

export function devicesPath(search = ''): string {
  const query = search === '' ? '' : `?q=${encodeURIComponent(search)}`;
  return `${CONSOLE_BASE}devices${query}`;
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
