import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { revokedAmong } from './store/revocations.ts';
import type { EdgeLinkTables } from './store/tables.ts';
import type { StreamRegistry } from './stream-registry.ts';

/**
 * Ends the streams of this process whose gateways were revoked, whichever process heard of it.
 */
export async function turnOutRevoked(
  sql: Sql<EdgeLinkTables>,
  registry: StreamRegistry,
): Promise<void> {
  const gatewayIds = registry.gatewayIds();
  if (gatewayIds.length === 0) return;
  const revoked = await sql.read((db) => revokedAmong(db, gatewayIds));
  await Promise.all(revoked.map((gatewayId) => registry.streamOf(gatewayId)?.turnOut()));
}
