import { canonicalJson } from './canonical-json.ts';
import { type ChainEnd, type ChainName, chainLabel } from './chain.ts';

export type NamedEnd = ChainName & ChainEnd;

/** As a head row keeps them. */
export function endsText(ends: readonly NamedEnd[]): string {
  const sorted = ends.toSorted((a, b) => (chainLabel(a) < chainLabel(b) ? -1 : 1));
  return canonicalJson(
    sorted.map(({ service, partition, length, hash }) => [
      service,
      `${partition}`,
      `${length}`,
      hash,
    ]),
  );
}

/** Of a text that `endsText` made. */
export function endsOf(text: string): readonly NamedEnd[] {
  const list = JSON.parse(text) as readonly (readonly [string, string, string, string])[];
  return list.map(([service, partition, length, hash]) => ({
    service,
    partition: BigInt(partition),
    length: BigInt(length),
    hash,
  }));
}

/** The ends of `now` that `before` does not have just so. */
export function changedEnds(
  before: readonly NamedEnd[],
  now: readonly NamedEnd[],
): readonly NamedEnd[] {
  const known = new Map(before.map((end) => [chainLabel(end), end]));
  return now.filter((end) => {
    const last = known.get(chainLabel(end));
    return last?.length !== end.length || last.hash !== end.hash;
  });
}
