import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { StatusBadge } from '@holdfast/shared/ui/status-badge.tsx';
import { formatClock, formatSpan } from '@holdfast/shared/ui/time-format.ts';
import { useNow } from '@holdfast/shared/ui/use-now.ts';
import type { ComponentChildren } from 'preact';
import { BrandMark } from './brand-mark.tsx';
import { useConsole } from './console-context.ts';
import { isStaff, usePerson } from './principal.ts';
import {
  CONSOLE_BASE,
  devicesPath,
  ordersPath,
  productsPath,
  type Route,
  stockPath,
} from './routes.ts';

export function Shell({ route, children }: { route: Route; children: ComponentChildren }) {
  const { watch, fleet } = useConsole();
  const connection = useObservable(watch.connection);
  const news = useObservable(fleet.news);
  const down = connection.kind === 'down';
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <Header route={route} />
      {down && <CloudDown sinceMs={connection.sinceMs} why={connection.why} />}
      <main id="content" tabIndex={-1} class="content" data-stale={down ? 'true' : undefined}>
        {children}
      </main>
      <div class="visually-hidden" aria-live="polite">
        {news}
      </div>
    </>
  );
}

function Header({ route }: { route: Route }) {
  const { api, watch, fleet } = useConsole();
  const connection = useObservable(watch.connection);
  const { gateways } = useObservable(fleet.fleet);
  const username = useObservable(api.keeper.session)?.username;
  const downCount = gateways.filter((gateway) => gateway.state !== 'connected').length;
  return (
    <header class="header">
      <div class="header-inner">
        <a class="brand" href={CONSOLE_BASE}>
          <BrandMark />
          Holdfast
        </a>
        <Nav route={route} downCount={downCount} />
        <div class="header-end">
          <LiveBadge kind={connection.kind} />
          <span class="username quiet small">{username}</span>
          <button type="button" class="button button-small" onClick={api.keeper.signOut}>
            Sign out
          </button>
        </div>
      </div>
    </header>
  );
}

function Nav({ route, downCount }: { route: Route; downCount: number }) {
  const person = usePerson();
  const staff = isStaff(person);
  const isAt = (...pages: readonly Route['page'][]): boolean => pages.includes(route.page);
  return (
    <nav class="nav" aria-label="Pages">
      {staff && (
        <>
          <NavLink path={CONSOLE_BASE} current={isAt('overview')}>
            Overview
            {downCount > 0 && <DownCount count={downCount} />}
          </NavLink>
          <NavLink path={devicesPath()} current={isAt('devices', 'device')}>
            Devices
          </NavLink>
        </>
      )}
      <NavLink path={ordersPath()} current={isAt('orders', 'order')}>
        Orders
      </NavLink>
      <NavLink path={productsPath()} current={isAt('products', 'product')}>
        Products
      </NavLink>
      {staff && (
        <NavLink path={stockPath()} current={isAt('stock')}>
          Stock
        </NavLink>
      )}
    </nav>
  );
}

function NavLink(props: { path: string; current: boolean; children: ComponentChildren }) {
  return (
    <a class="nav-link" href={props.path} aria-current={props.current ? 'page' : undefined}>
      {props.children}
    </a>
  );
}

function DownCount({ count }: { count: number }) {
  return (
    <span class="down-count numeric">
      {count}
      <span class="visually-hidden"> down</span>
    </span>
  );
}

function LiveBadge({ kind }: { kind: 'asking' | 'up' | 'down' }) {
  if (kind === 'up') return <StatusBadge tone="good">Live</StatusBadge>;
  if (kind === 'down') return <StatusBadge tone="bad">Down</StatusBadge>;
  return <StatusBadge tone="idle">Connecting</StatusBadge>;
}

function CloudDown({ sinceMs, why }: { sinceMs: number; why: string }) {
  return (
    <div class="cloud-down" data-testid="cloud-down">
      <div class="cloud-down-inner">
        <p role="alert">
          <strong>The cloud has not answered since {formatClock(sinceMs)}</strong> ({why}). What you
          see is from before that. This page keeps asking and goes on by itself.
        </p>
        <Elapsed sinceMs={sinceMs} />
      </div>
    </div>
  );
}

/** Outside the alert: a number that changes each second must not be read out each second. */
function Elapsed({ sinceMs }: { sinceMs: number }) {
  const now = useNow();
  return (
    <span class="cloud-down-elapsed numeric" aria-hidden="true">
      {formatSpan(Math.max(1_000, now - sinceMs))}
    </span>
  );
}
