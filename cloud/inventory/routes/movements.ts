import { MOVEMENT_KINDS } from '@holdfast/shared/contracts/events/inventory.ts';
import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { movementFault } from '@holdfast/shared/domain/stock-movement.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { assert } from '@holdfast/shared/lib/assert.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { PolicyDecision } from '@holdfast/shared/platform/policy/policy.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { recordAudit } from '../../platform/outbox/record-audit.ts';
import type { NewMovement } from '../domain/command.ts';
import { nameSchema, type RouteDeps, requireOwnSite, WRITERS } from './requests.ts';
import { levelJson, levelSchema } from './stock.ts';

const QUANTITY_MAX = 1_000_000_000;
const REASON_CHARS_MAX = 500;

const movementSchema = z
  .strictObject({
    site: nameSchema,
    item: nameSchema,
    kind: z.enum(MOVEMENT_KINDS),
    quantity: z.int().min(-QUANTITY_MAX).max(QUANTITY_MAX).meta({
      description: 'Signed for adjust, what was counted for count, positive otherwise.',
    }),
    toSite: nameSchema.optional().meta({ description: 'Where a transfer goes.' }),
    seen: z
      .strictObject({ onHand: z.int(), version: z.int().min(0) })
      .optional()
      .meta({ description: 'Of a count: the level as the counter saw it; absent: as it is now.' }),
    reason: z
      .string()
      .max(REASON_CHARS_MAX)
      .refine((text) => !text.includes('\0') && text.isWellFormed(), 'holds no text')
      .optional(),
  })
  .meta({ id: 'NewStockMovement' });

const bookedSchema = z
  .strictObject({ movementId: z.string(), level: levelSchema })
  .meta({ id: 'BookedStockMovement' });

/** Movements that people book. */
export function movementRoutes(api: Api, deps: RouteDeps): void {
  addRoute(
    api,
    {
      method: 'post',
      path: '/v1/stock/movements',
      tag: 'inventory',
      summary: 'Book a movement',
      description: 'A fact: it is booked whatever it says of the stock, and never twice.',
      caller: WRITERS,
      body: movementSchema,
      answers: {
        201: {
          description: 'Booked',
          body: bookedSchema,
          headers: { Location: 'The level that it changed' },
        },
      },
      problems: ['NOT_FOUND'],
      creates: true,
    },
    async ({ principal, body, idempotency }) => {
      const movement = movementOf(body, deps);
      requireOwnSite(principal, movement.site);
      if (movement.toSite !== undefined) requireOwnSite(principal, movement.toSite);
      const decision = await decide(principal, movement, deps);
      const by = {
        actor: principal.subject,
        ...(decision ? { policyRevision: decision.revision, reasons: decision.reasons } : {}),
      };
      const { tenant } = principal;
      const answer = await deps.idempotency.once(idempotency, async (tx) => {
        const [booked] = await deps.desk.book(tx, [{ kind: 'move', tenant, movement, by }]);
        assert(booked?.kind === 'booked', 'the id was drawn for this movement');
        const { site, item, id } = movement;
        const location = `/v1/stock/${encodeURIComponent(site)}/${encodeURIComponent(item)}`;
        const level = levelJson(booked.level);
        return { status: 201, headers: { location }, body: { movementId: id, level } };
      });
      return answerOnce(answer);
    },
  );
}

function movementOf(
  body: z.output<typeof movementSchema>,
  { runtime: { clock, random } }: RouteDeps,
): NewMovement {
  const { site, item, kind, toSite, seen, reason } = body;
  const movement: NewMovement = {
    ...{ id: prefixedId('mov', clock.now(), random.bytes(10)), site, item, kind },
    quantity: BigInt(body.quantity),
    ...(toSite === undefined ? {} : { toSite }),
    ...(seen && { seen: { onHand: BigInt(seen.onHand), version: BigInt(seen.version) } }),
    ...(reason === undefined ? {} : { reason }),
  };
  const fault = movementFault(movement) ?? (seen && kind !== 'count' ? SEEN_FAULT : undefined);
  if (fault === undefined) return movement;
  const field = { pointer: '/quantity', detail: fault };
  throw new AppError('REQUEST_INVALID', fault, { fields: [field] });
}

const SEEN_FAULT = 'only a count says what was seen';

/** What sets the ledger right is decided by policy; a denial is audited before it is answered. */
async function decide(
  principal: Principal,
  { site, item, kind, quantity }: NewMovement,
  { policy, desk, outbox }: RouteDeps,
): Promise<PolicyDecision | undefined> {
  if (kind !== 'adjust' && kind !== 'count') return undefined;
  const { tenant, subject: actor } = principal;
  const resource = { tenant, site, quantity: Number(quantity) };
  const decision = policy.decide(principal, { action: 'stock.adjust', resource });
  if (decision.allowed) return decision;
  const { revision: policyRevision, reasons } = decision;
  const entry = {
    ...{ action: 'stock.adjust', outcome: 'denied' as const, actor, site, policyRevision },
    reasons: [...reasons],
    resource: { kind: 'stock', id: `${site}/${item}` },
  };
  await desk.transaction((tx) => recordAudit(tx, { outbox, tenant, entry }));
  throw new AppError('FORBIDDEN', reasons.join('; '));
}
