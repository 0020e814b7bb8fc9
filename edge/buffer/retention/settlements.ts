import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import type { Settlement, SettlementKind } from '../buffer-store.ts';

/** What is done piece by piece, for months: its records grow together. */
const MERGED: ReadonlySet<SettlementKind> = new Set(['condensed', 'dropped']);

/**
 * The settlements with `added`, ascending. What was condensed before may end once more, as dropped,
 * damaged or parked: then it no longer counts as condensed. Neighbours of one kind and reason
 * become one record, so that an outage of months leaves a handful of them.
 */
export function withSettlement<S extends Settlement>(held: readonly S[], added: S): S[] {
  const cut = held.flatMap((one) => (one.kind === 'condensed' ? without(one, added.range) : one));
  const sorted = [...cut, added].sort((a, b) => (a.range.first < b.range.first ? -1 : 1));
  const merged: S[] = [];
  for (const one of sorted) {
    const before = merged.at(-1);
    if (before && joins(before, one)) {
      const range = { first: before.range.first, last: one.range.last };
      merged[merged.length - 1] = { ...one, range };
    } else merged.push(one);
  }
  return merged;
}

function joins(before: Settlement, one: Settlement): boolean {
  if (before.kind !== one.kind || before.reason !== one.reason) return false;
  return MERGED.has(one.kind) && before.range.last + 1n === one.range.first;
}

/** What is left of it outside of `range`. */
function without<S extends Settlement>(settlement: S, range: SequenceRange): S[] {
  const { first, last } = settlement.range;
  if (range.last < first || range.first > last) return [settlement];
  const left: S[] = [];
  if (first < range.first) left.push({ ...settlement, range: { first, last: range.first - 1n } });
  if (last > range.last) left.push({ ...settlement, range: { first: range.last + 1n, last } });
  return left;
}
