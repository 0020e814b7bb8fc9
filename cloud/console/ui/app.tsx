import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';
import { watchConnection } from '@holdfast/shared/ui/connection.ts';
import {
  type LiveFeed,
  type LiveSocket,
  type LiveSocketEvents,
  openLiveFeed,
} from '@holdfast/shared/ui/live-feed.ts';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { useEffect, useState } from 'preact/hooks';
import { type ConsoleContext, ConsoleProvider, useConsole } from './console-context.ts';
import { watchFleet } from './fleet.ts';
import { DevicePage } from './pages/device-page.tsx';
import { DevicesPage } from './pages/devices-page.tsx';
import { OrderPage } from './pages/order-page.tsx';
import { OrdersPage } from './pages/orders-page.tsx';
import { OverviewPage } from './pages/overview-page.tsx';
import { ProductPage } from './pages/product-page.tsx';
import { ProductsPage } from './pages/products-page.tsx';
import { SignInPage } from './pages/sign-in-page.tsx';
import { StockPage } from './pages/stock-page.tsx';
import { UnknownPage } from './pages/unknown-page.tsx';
import { isStaff, usePerson } from './principal.ts';
import { ordersPath, type Route, type Router } from './routes.ts';
import { Shell } from './shell.tsx';

/** The sign-in page, or the console: what a session saw goes away with it. */
export function App({ api, router }: { api: ApiClient; router: Router }) {
  const signedIn = useObservable(api.keeper.session) !== undefined;
  return signedIn ? <SignedIn api={api} router={router} /> : <SignInPage keeper={api.keeper} />;
}

function SignedIn({ api, router }: { api: ApiClient; router: Router }) {
  const [context, setContext] = useState<ConsoleContext>();
  useEffect(() => {
    const watch = watchConnection(() => Date.now());
    const fleet = watchFleet(api, watch);
    const orders = openOrders(api);
    // A line that fell silent looks like one on which nothing happens.
    const unwatch = watch.connection.watch(({ kind }) => kind === 'down' && orders.renew());
    setContext({ api, router, watch, fleet, orders });
    return () => {
      unwatch();
      fleet.stop();
      orders.stop();
    };
  }, [api, router]);
  const route = useObservable(router.route);
  if (!context) return null;
  return (
    <ConsoleProvider value={context}>
      <Shell route={route}>
        <Page route={route} />
      </Shell>
    </ConsoleProvider>
  );
}

function openOrders(api: ApiClient): LiveFeed {
  return openLiveFeed({
    channel: 'orders',
    ticket: async () => (await api.change<{ ticket: string }>('POST', '/v1/ws/tickets')).ticket,
    connect: openSocket,
    chance: () => Math.random(),
  });
}

function openSocket(ticket: string, { onText, onClose }: LiveSocketEvents): LiveSocket {
  const address = new URL('/v1/ws', location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.searchParams.set('ticket', ticket);
  const socket = new WebSocket(address);
  socket.addEventListener('message', ({ data }) => onText(String(data)));
  socket.addEventListener('close', onClose);
  return socket;
}

/** What warehouses are about; a customer comes for the own orders. */
const STAFF_PAGES: readonly Route['page'][] = ['overview', 'devices', 'device', 'stock'];

function Page({ route }: { route: Route }) {
  const { router } = useConsole();
  const isElsewhere = STAFF_PAGES.includes(route.page) && !isStaff(usePerson());
  useEffect(() => {
    if (isElsewhere) router.go(ordersPath(), 'replace');
  }, [isElsewhere, router]);
  return isElsewhere ? null : <ShownPage route={route} />;
}

function ShownPage({ route }: { route: Route }) {
  switch (route.page) {
    case 'overview':
      return <OverviewPage />;
    case 'orders':
      return <OrdersPage state={route.state} cursor={route.cursor} />;
    case 'order':
      return <OrderPage key={route.id} id={route.id} />;
    case 'products':
      return <ProductsPage search={route.search} cursor={route.cursor} />;
    case 'product':
      return <ProductPage key={route.id} id={route.id} />;
    case 'stock':
      return <StockPage search={route.search} />;
    case 'devices':
      return <DevicesPage search={route.search} />;
    case 'device':
      return <DevicePage key={route.id} id={route.id} query={route.query} />;
    case 'unknown':
      return <UnknownPage />;
  }
}
