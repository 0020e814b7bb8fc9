import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';
import type { ConnectionWatch } from '@holdfast/shared/ui/connection.ts';
import type { LiveFeed } from '@holdfast/shared/ui/live-feed.ts';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { FleetWatch } from './fleet.ts';
import type { Router } from './routes.ts';

/** What every page of a signed-in user works with. */
export interface ConsoleContext {
  readonly api: ApiClient;
  readonly watch: ConnectionWatch;
  readonly fleet: FleetWatch;
  readonly router: Router;
  /** How orders go on, as it happens. */
  readonly orders: LiveFeed;
}

const Context = createContext<ConsoleContext | undefined>(undefined);

export const ConsoleProvider = Context.Provider;

export function useConsole(): ConsoleContext {
  const context = useContext(Context);
  if (!context) throw new Error('a page is drawn outside of the signed-in console');
  return context;
}
