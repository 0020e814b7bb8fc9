import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { PolicyDecision, PolicyQuestion } from '@holdfast/shared/platform/policy/policy.ts';
import { sitesOf } from '@holdfast/shared/runtime/access-token.ts';
import type { HistoryEntry } from '../domain/history.ts';
import type { Order } from '../domain/order.ts';
import { writeDenial } from '../store/denials.ts';
import type { OrderScope } from '../store/orders.ts';
import type { OrderRouteDeps } from './order-routes.ts';

type OrderAction = 'order.read' | 'order.cancel' | 'order.ship' | 'order.refund';

/** Whose orders a list shows. Roles that work for the tenant see those of their sites. */
export function scopeOf(principal: Principal): OrderScope {
  const { tenant, subject, roles } = principal;
  if (roles.includes('service')) return { tenant, kind: 'sites', sites: 'all' };
  const works = roles.some((role) => ['operator', 'manager', 'administrator'].includes(role));
  if (works) return { tenant, kind: 'sites', sites: sitesOf(principal) };
  return { tenant, kind: 'customer', customer: subject };
}

/**
 * Asks the policy. A denial is audited before it is answered; who may not even read the order is
 * told that there is none (I10).
 */
export async function authorise(
  deps: OrderRouteDeps,
  principal: Principal,
  { action, order }: { readonly action: OrderAction; readonly order: Order },
): Promise<HistoryEntry> {
  const { policy, runtime } = deps;
  const now = runtime.clock.nowMicros();
  const decision = policy.decide(principal, questionOf(action, order, now));
  const entry = decisionEntry(action, principal, decision);
  if (decision.allowed) return entry;
  await deny(deps, principal, { action, order, decision });
  const isHidden =
    action === 'order.read' ||
    !policy.decide(principal, questionOf('order.read', order, now)).allowed;
  if (isHidden) throw new AppError('NOT_FOUND', 'there is no such order');
  throw new AppError('FORBIDDEN', decision.reasons.join('; '));
}

function decisionEntry(
  action: string,
  { subject }: Principal,
  { allowed, reasons, revision }: PolicyDecision,
): HistoryEntry {
  return { kind: 'decision', action, actor: subject, allowed, reasons, revision };
}

/** Whether somebody may place an order of their own, of this total. */
export async function authorisePlacing(
  deps: OrderRouteDeps,
  principal: Principal,
  minorUnits: number,
): Promise<HistoryEntry> {
  const { subject: customer, tenant } = principal;
  const action = 'order.place';
  const resource = { tenant, customer, minorUnits };
  const decision = deps.policy.decide(principal, { action, resource });
  if (decision.allowed) return decisionEntry(action, principal, decision);
  await deny(deps, principal, { action, decision });
  throw new AppError('FORBIDDEN', decision.reasons.join('; '));
}

async function deny(
  { sql, outbox, runtime, onEvents }: OrderRouteDeps,
  principal: Principal,
  denied: { action: string; order?: Order; decision: PolicyDecision },
): Promise<void> {
  const { action, order, decision } = denied;
  const { subject, tenant } = principal;
  await writeDenial(sql, {
    outbox,
    now: runtime.clock.nowMicros(),
    actor: subject,
    ...(order && { order }),
    tenant,
    decision: decisionEntry(action, principal, decision),
    audit: {
      action,
      outcome: 'denied',
      resource: order ? { kind: 'order', id: order.id } : { kind: 'customer', id: subject },
      policyRevision: decision.revision,
      reasons: [...decision.reasons],
    },
  });
  onEvents();
}

function questionOf(action: OrderAction, order: Order, now: bigint): PolicyQuestion {
  const { tenant, id: orderId, customer, state, sites, total, placedAt } = order;
  const ageSeconds = Math.max(0, Math.floor(Number(now - placedAt) / 1_000_000));
  const resource = { tenant, orderId, customer, state, sites, ageSeconds };
  if (action === 'order.refund') return { action, resource: { ...resource, minorUnits: total } };
  return { action, resource };
}
