import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import type { Selectable, Transaction } from 'kysely';
import type { Client } from '../domain/client.ts';
import type { AuthTables } from './tables.ts';

type Queries = Reader<AuthTables> | Transaction<AuthTables>;

export interface ClientWithDigest extends Client {
  readonly secretDigest: string;
}

export async function insertClient(
  tx: Transaction<AuthTables>,
  client: ClientWithDigest & { readonly createdBy: string },
): Promise<void> {
  await tx
    .insertInto('clients')
    .values({
      id: client.id,
      tenant: client.tenant,
      name: client.name,
      sites: JSON.stringify(client.sites),
      secret_digest: client.secretDigest,
      created_by: client.createdBy,
      created_at: client.createdAt,
    })
    .execute();
}

export async function countClients(tx: Transaction<AuthTables>, tenant: string): Promise<number> {
  const { count } = await tx
    .selectFrom('clients')
    .select((eb) => eb.fn.countAll<bigint>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** By id alone: for the client itself, which proves that it has the secret. */
export async function findClient(db: Queries, id: string): Promise<ClientWithDigest | undefined> {
  const row = await db.selectFrom('clients').selectAll().where('id', '=', id).executeTakeFirst();
  return row && clientOf(row);
}

export async function listClients(
  db: Reader<AuthTables>,
  { tenant, after, limit }: { tenant: string; after: string | undefined; limit: number },
): Promise<Client[]> {
  let query = db.selectFrom('clients').selectAll().where('tenant', '=', tenant);
  if (after !== undefined) query = query.where('id', '>', after);
  return (await query.orderBy('id').limit(limit).execute()).map(clientOf);
}

/** Confined to the tenant (I10): another's client is not there. */
export async function deleteClient(
  tx: Transaction<AuthTables>,
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Promise<boolean> {
  const deleted = await tx
    .deleteFrom('clients')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst();
  return deleted !== undefined;
}

function clientOf(row: Selectable<AuthTables['clients']>): ClientWithDigest {
  return {
    id: row.id,
    tenant: row.tenant,
    name: row.name,
    sites: JSON.parse(row.sites) as string[],
    createdAt: row.created_at,
    secretDigest: row.secret_digest,
  };
}
