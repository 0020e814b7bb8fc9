import { z } from 'zod';

/**
 * One thing that somebody did or was refused: a change of money, stock, policy or role, or a
 * denial. People are named by id only.
 */
export const auditEntrySchema = z.strictObject({
  /** `order.cancel`, `stock.adjust`, `user.role_changed` … */
  action: z.string().min(1).max(100),
  outcome: z.enum(['done', 'denied']),
  actor: z.string(),
  /** `order`, `product`, `stock`, `payment`, `user` …, and its id. */
  resource: z.strictObject({ kind: z.string(), id: z.string() }),
  site: z.string().optional(),
  /** Of the policy bundle that decided, where one did. */
  policyRevision: z.string().optional(),
  reasons: z.array(z.string()).optional(),
  /** What changed, in numbers and ids; nothing personal. */
  detail: z.record(z.string(), z.union([z.string(), z.int(), z.boolean()])).optional(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/**
 * The subject is `audit/<tenant>/<kind>/<id>`; each service appends its own, and `audit` chains
 * them.
 */
export const AUDIT_EVENTS = {
  'audit.recorded.v1': { topic: 'audit.entries', data: auditEntrySchema },
} as const;
