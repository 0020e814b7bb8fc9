import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { sitesOf } from '@holdfast/shared/runtime/access-token.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { recordAudit } from '../../platform/outbox/record-audit.ts';
import { type Erased, erasePerson } from '../store/orders.ts';
import type { OrderRouteDeps } from './order-routes.ts';

const ID_CHARS_MAX = 128;

const erasedSchema = z
  .strictObject({
    erased: z.int().min(0).meta({ description: 'Addresses that are gone.' }),
    kept: z.int().min(0).meta({ description: 'Of orders that have not ended.' }),
  })
  .meta({ id: 'ErasedCustomer' });

export function addErasure(api: Api, deps: OrderRouteDeps): void {
  addRoute(
    api,
    {
      method: 'post',
      path: '/v1/customers/{id}/erase',
      tag: 'order',
      summary: 'Erase what is personal in the ended orders of a customer; again changes nothing',
      description: 'Orders, books and audit rows stay: they name people by id only.',
      caller: ['customer', 'administrator'],
      params: z.strictObject({ id: z.string().min(1).max(ID_CHARS_MAX) }),
      answers: { 200: { description: 'What is gone, and what is not yet.', body: erasedSchema } },
    },
    async ({ c, principal, params }) => {
      const { erased, kept } = await erase(deps, principal, params.id);
      return c.json({ erased, kept });
    },
  );
}

/**
 * For oneself, or by an administrator of all sites. Whoever else asks is told that there is nobody
 * (I10), after it was audited.
 */
async function erase(
  { sql, outbox, onEvents }: OrderRouteDeps,
  principal: Principal,
  customer: string,
): Promise<Erased> {
  const { tenant, subject: actor, roles } = principal;
  const deed = { action: 'customer.erase', actor, resource: { kind: 'customer', id: customer } };
  const isAdministrator = roles.includes('administrator') && sitesOf(principal) === 'all';
  const isOwn = actor === customer;
  if (!isAdministrator && !isOwn) {
    const reasons = ['this needs the customer, or an administrator of all sites'];
    const entry = { ...deed, outcome: 'denied', reasons } as const;
    await sql.transaction((tx) => recordAudit(tx, { outbox, tenant, entry }));
    onEvents();
    throw nobody();
  }
  const found = await sql.transaction(async (tx) => {
    const person = await erasePerson(tx, { tenant, customer });
    if (!person.isKnown && !isOwn) throw nobody();
    const { erased, kept } = person;
    const entry = { ...deed, outcome: 'done', detail: { erased, kept } } as const;
    await recordAudit(tx, { outbox, tenant, entry });
    return person;
  });
  onEvents();
  return found;
}

function nobody(): AppError {
  return new AppError('NOT_FOUND', 'there is no such customer');
}
