import type { Principal } from '@holdfast/shared/contracts/roles.ts';

/** What is asked. Each action has one rule in `policies/`, and its input is tested there. */
export type PolicyQuestion =
  | {
      readonly action: 'order.place';
      readonly resource: TenantFacts & { readonly customer: string; readonly minorUnits: number };
    }
  | { readonly action: 'order.cancel' | 'order.read' | 'order.ship'; readonly resource: OrderFacts }
  | {
      readonly action: 'order.refund';
      readonly resource: OrderFacts & { readonly minorUnits: number };
    }
  | {
      readonly action: 'stock.adjust';
      readonly resource: TenantFacts & { readonly site: string; readonly quantity: number };
    }
  | { readonly action: 'stock.read'; readonly resource: TenantFacts & { readonly site: string } }
  | {
      readonly action: 'product.price_change';
      readonly resource: TenantFacts & {
        readonly fromMinorUnits: number;
        readonly toMinorUnits: number;
      };
    }
  | { readonly action: 'product.write'; readonly resource: TenantFacts }
  /** Another person's data: profile, payments, audit rows. */
  | { readonly action: 'person.read'; readonly resource: TenantFacts & { readonly person: string } }
  | { readonly action: 'audit.read'; readonly resource: TenantFacts };

export interface TenantFacts {
  readonly tenant: string;
}

export interface OrderFacts extends TenantFacts {
  readonly orderId: string;
  readonly customer: string;
  readonly state: string;
  readonly sites: readonly string[];
  /** Since it was placed. */
  readonly ageSeconds: number;
}

export interface PolicyDecision {
  readonly allowed: boolean;
  /** Why not, or by which rule; at least one. For people, and for the audit row. */
  readonly reasons: readonly string[];
  /** Of the bundle that decided. */
  readonly revision: string;
}

/**
 * Decides by Rego rules, compiled to WebAssembly, in the process.
 *
 * - `decide` is synchronous, has no effect, and the same question has the same answer under one
 *   revision.
 * - What no rule allows is denied. Without a bundle, with a damaged one, or when a rule fails,
 *   everything is denied, and the reason says so.
 * - The principal's tenant MUST be the resource's tenant, whatever the role.
 * - Each decision is counted by action and outcome and logged with the revision; whoever acts on a
 *   denial audits it.
 */
export interface Policy {
  readonly revision: string;
  decide(principal: Principal, question: PolicyQuestion): PolicyDecision;
}
