import { hash } from 'node:crypto';
import type { AuditEntry } from '@holdfast/shared/contracts/events/audit.ts';
import {
  type ChainEnd,
  type ChainLink,
  type ChainName,
  type Head,
  headHash,
  type RowContent,
  rowHash,
} from './chain.ts';
import { type EntryKeys, keysOf } from './entry.ts';

/**
 * - `missing`: there is no row at this index, though later ones or the chain's end say so.
 * - `changed`: the row is not what its hash was made of.
 * - `unlinked`: the row before it is not the one that it was chained to.
 * - `unexpected`: a row beyond the chain's end.
 * - `rewritten`: at or before this index the chain is not what a head saw.
 */
export const BREAK_REASONS = ['missing', 'changed', 'unlinked', 'unexpected', 'rewritten'] as const;
export type BreakReason = (typeof BREAK_REASONS)[number];

export interface Break {
  readonly index: bigint;
  readonly reason: BreakReason;
}

export interface StoredRow extends ChainLink, RowContent {
  readonly keys: EntryKeys;
  readonly unreadable: Uint8Array | null;
}

/** What is wrong with the row that follows `end`; undefined when it is the right one. */
export function rowBreak(chain: ChainName, end: ChainEnd, row: StoredRow): Break | undefined {
  const place = placeBreak(end, row);
  if (place) return place;
  const isWhole = rowHash(chain, row, row) === row.hash && saysItsEntry(row);
  return isWhole ? undefined : { index: row.index, reason: 'changed' };
}

/** Rows were read to the chain's last; `said` is where the chain ends by its own record. */
export function endBreak(found: ChainEnd, said: ChainEnd): Break | undefined {
  if (found.length < said.length) return { index: found.length + 1n, reason: 'missing' };
  if (found.length > said.length) return { index: said.length + 1n, reason: 'unexpected' };
  return found.hash === said.hash ? undefined : { index: said.length, reason: 'changed' };
}

export function headBreak(
  end: ChainEnd,
  head: Head & { readonly hash: string },
): Break | undefined {
  const place = placeBreak(end, head);
  if (place) return place;
  return headHash(head) === head.hash ? undefined : { index: head.index, reason: 'changed' };
}

function placeBreak(
  end: ChainEnd,
  row: Pick<ChainLink, 'index' | 'previousHash'>,
): Break | undefined {
  const expected = end.length + 1n;
  if (row.index !== expected) return { index: expected, reason: 'missing' };
  return row.previousHash === end.hash ? undefined : { index: row.index, reason: 'unlinked' };
}

/** Only asked when the hash is right, so the entry is what was written. */
function saysItsEntry({ entry, keys, unreadable }: StoredRow): boolean {
  const said = JSON.parse(entry) as AuditEntry;
  const wanted = keysOf(said);
  const names = Object.keys(wanted) as (keyof EntryKeys)[];
  if (!names.every((name) => wanted[name] === keys[name])) return false;
  const sha256 = unreadable && hash('sha256', unreadable);
  return sha256 === null || said.detail?.['sha256'] === sha256;
}
