import type { InventoryServiceService } from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import type { ProductServiceService } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { CallScope, PeerClient } from '../platform/peer/peer.ts';
import { createLoaders, type Loaders } from './loaders.ts';
import { createStockView, type StockView } from './stock-view.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface GraphPeers {
  readonly products: PeerClient<typeof ProductServiceService>;
  readonly inventory: PeerClient<typeof InventoryServiceService>;
}

export interface GraphDeps {
  readonly peers: GraphPeers;
  readonly policy: Policy;
  readonly runtime: Runtime;
  readonly subscriptions: Subscriptions;
}

/** Of one request. */
export interface GraphContext {
  readonly principal: Principal;
  /** For whom peers are asked: their rows are confined to the tenant (I10). */
  readonly scope: CallScope;
  readonly peers: GraphPeers;
  readonly loaders: Loaders;
  readonly stockOf: StockView;
  readonly subscriptions: Subscriptions;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

export function createContext(
  { peers, policy, subscriptions }: GraphDeps,
  { principal, signal }: { readonly principal: Principal; readonly signal: AbortSignal },
): GraphContext {
  const scope = { tenant: principal.tenant, actor: principal.subject };
  return {
    principal,
    scope,
    peers,
    loaders: createLoaders(peers, scope),
    stockOf: createStockView(policy, principal),
    subscriptions,
    signal,
  };
}
