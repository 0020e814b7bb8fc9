import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';
import { watchConnection } from '@holdfast/shared/ui/connection.ts';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { useEffect, useState } from 'preact/hooks';
import { type ConsoleContext, ConsoleProvider } from './console-context.ts';
import { watchFleet } from './fleet.ts';
import { DevicePage } from './pages/device-page.tsx';
import { DevicesPage } from './pages/devices-page.tsx';
import { OverviewPage } from './pages/overview-page.tsx';
import { SignInPage } from './pages/sign-in-page.tsx';
import { UnknownPage } from './pages/unknown-page.tsx';
import type { Route, Router } from './routes.ts';
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
    setContext({ api, router, watch, fleet });
    return fleet.stop;
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

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'overview':
      return <OverviewPage />;
    case 'devices':
      return <DevicesPage search={route.search} />;
    case 'device':
      return <DevicePage key={route.id} id={route.id} query={route.query} />;
    case 'unknown':
      return <UnknownPage />;
  }
}
