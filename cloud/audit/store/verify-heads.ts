import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import { type ChainEnd, chainLabel } from '../domain/chain.ts';
import { changedEnds, endsOf, type NamedEnd } from '../domain/head-chains.ts';
import { type Break, headBreak } from '../domain/verify.ts';
import type { AuditTables } from './tables.ts';
import type { FoundBreak, Slice } from './verify.ts';

/** A head names every chain, and each that moved is looked up. */
const HEADS_PER_SLICE = 100;

/**
 * Verifies the chain of heads, and that each chain still is what the heads saw: one that was cut
 * off at its end together with the record of its end is noticed here.
 */
export async function verifyHeads(
  db: Reader<AuditTables>,
  from: ChainEnd,
  rowsMax: number,
): Promise<Slice> {
  const headsMax = Math.min(rowsMax, HEADS_PER_SLICE);
  const rows = await db
    .selectFrom('audit_heads')
    .selectAll()
    .where('head_index', '>=', from.length)
    .orderBy('head_index')
    .limit(headsMax + 1)
    .execute();
  const isBefore = rows[0]?.head_index === from.length;
  const heads = (isBefore ? rows.slice(1) : rows).slice(0, headsMax);
  const breaks: FoundBreak[] = [];
  let known = isBefore ? endsOf(rows[0]!.chains) : [];
  let end = from;
  let checked = 0;
  const seen: NamedEnd[] = [];
  for (const row of heads) {
    checked++;
    const { head_index: index, at: atMicros, chains, previous_hash: previousHash, hash } = row;
    const found = headBreak(end, { index, atMicros, chains, previousHash, hash });
    if (found) {
      breaks.push({ ...found, chain: 'heads' });
      break;
    }
    const ends = endsOf(chains);
    seen.push(...changedEnds(known, ends), ...missingEnds(known, ends));
    known = ends;
    end = { length: index, hash };
  }
  for (const [chain, ends] of Map.groupBy(seen, chainLabel)) {
    const found = await rewritten(db, ends);
    if (found) breaks.push({ ...found, chain });
  }
  const isOver = heads.length < headsMax || breaks.some(({ chain }) => chain === 'heads');
  const next = isOver ? undefined : ({ stage: 'heads', end } as const);
  return { breaks, entriesChecked: 0, headsChecked: checked, next };
}

/** Chains that a later head does not name any more: what the earlier saw has to be there still. */
function missingEnds(before: readonly NamedEnd[], now: readonly NamedEnd[]): readonly NamedEnd[] {
  const named = new Set(now.map(chainLabel));
  return before.filter((end) => !named.has(chainLabel(end)));
}

/** The first of these ends of one chain that its rows do not have. */
async function rewritten(
  db: Reader<AuditTables>,
  ends: readonly NamedEnd[],
): Promise<Break | undefined> {
  const { service, partition } = ends[0]!;
  const ofChain = db
    .selectFrom('audit_entries')
    .where('service', '=', service)
    .where('partition', '=', partition);
  const lengths = ends.map(({ length }) => length);
  const rows = await ofChain
    .select(['chain_index', 'hash'])
    .where('chain_index', 'in', lengths)
    .execute();
  const hashes = new Map(rows.map(({ chain_index, hash }) => [chain_index, hash]));
  const wrong = ends.find(({ length, hash }) => hashes.get(length) !== hash);
  if (!wrong) return undefined;
  if (hashes.has(wrong.length)) return { index: wrong.length, reason: 'rewritten' };
  const last = await ofChain
    .select('chain_index')
    .where('chain_index', '<', wrong.length)
    .orderBy('chain_index', 'desc')
    .limit(1)
    .executeTakeFirst();
  return { index: (last?.chain_index ?? 0n) + 1n, reason: 'missing' };
}
