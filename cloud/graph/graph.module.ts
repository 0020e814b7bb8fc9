import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Api } from '../platform/http/api.ts';
import type { ServiceHandle } from '../service.ts';
import type { GraphPeers } from './context.ts';
import { addGraphRoute } from './graph-route.ts';
import type { GraphSettings } from './settings.ts';
import { createSubscriptions } from './subscriptions.ts';
import { createGraphql } from './yoga.ts';

export interface GraphOptions {
  readonly peers: GraphPeers;
  readonly policy: Policy;
  readonly settings: GraphSettings;
  /** Whether only this machine can reach it. */
  readonly loopback: boolean;
  readonly runtime: Runtime;
}

export interface GraphHandle extends ServiceHandle {
  readonly routes: (api: Api) => void;
}

/** The target `graph`: GraphQL over product and inventory. It keeps nothing. */
export function openGraph(options: GraphOptions): GraphHandle {
  const { peers, policy, settings, loopback, runtime } = options;
  const subscriptions = createSubscriptions(runtime);
  const isDevelopment = settings.development && loopback;
  const graphql = createGraphql({ peers, policy, runtime, subscriptions, isDevelopment });
  return {
    module: {
      name: 'graph',
      needs: [],
      async start() {},
      async stop() {
        subscriptions.stop();
        await graphql.dispose();
      },
    },
    routes: (api) => addGraphRoute(api, { graphql, runtime, isDevelopment }),
  };
}
