import type { Transaction } from 'kysely';
import { CHAIN_START, headHash } from '../domain/chain.ts';
import { endsText } from '../domain/head-chains.ts';
import type { AuditTables } from './tables.ts';

export const HEAD_EVERY_MICROS = 60_000_000n;

export interface NewHead {
  readonly index: bigint;
  readonly hash: string;
}

/**
 * Chains the ends of all chains as they are now. Once a minute, by whichever process comes first;
 * when nothing was appended since, the head before says so already. The primary key keeps two
 * processes from chaining the same index.
 */
export async function appendHead(
  tx: Transaction<AuditTables>,
  atMicros: bigint,
): Promise<NewHead | undefined> {
  const last = await tx
    .selectFrom('audit_heads')
    .selectAll()
    .orderBy('head_index', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last && last.at / HEAD_EVERY_MICROS === atMicros / HEAD_EVERY_MICROS) return undefined;
  const chains = endsText(await tx.selectFrom('audit_chains').selectAll().execute());
  if (chains === (last?.chains ?? endsText([]))) return undefined;
  const index = (last?.head_index ?? 0n) + 1n;
  const previousHash = last?.hash ?? CHAIN_START.hash;
  const hash = headHash({ index, atMicros, chains, previousHash });
  await tx
    .insertInto('audit_heads')
    .values({ head_index: index, at: atMicros, chains, previous_hash: previousHash, hash })
    .execute();
  return { index, hash };
}
