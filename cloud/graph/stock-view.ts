import type { Level } from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';

/** Stock as the contract has it: what is null is for the site's staff. */
export interface Stock {
  readonly site: string;
  readonly item: string;
  readonly free: bigint;
  readonly onHand: bigint | null;
  readonly reserved: bigint | null;
  readonly sold: bigint | null;
  readonly version: bigint;
  readonly changedAt: string;
}

export type StockView = (level: Level) => Stock;

/**
 * The policy decides once per site and request who sees a whole level. To be shown `free` alone is
 * no denial: nothing was refused, so nothing is audited.
 */
export function createStockView(policy: Policy, principal: Principal): StockView {
  const { tenant } = principal;
  const decided = new Map<string, boolean>();
  const mayReadAll = (site: string): boolean => {
    const known = decided.get(site);
    if (known !== undefined) return known;
    const resource = { tenant, site };
    const { allowed } = policy.decide(principal, { action: 'stock.read', resource });
    decided.set(site, allowed);
    return allowed;
  };
  return ({ site, item, free, onHand, reserved, sold, version, changedAtMicros }) => {
    const whole = mayReadAll(site);
    return {
      site,
      item,
      free,
      onHand: whole ? onHand : null,
      reserved: whole ? reserved : null,
      sold: whole ? sold : null,
      version,
      changedAt: new Date(Number(changedAtMicros / 1000n)).toISOString(),
    };
  };
}
