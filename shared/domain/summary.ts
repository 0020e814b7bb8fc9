/** A reading as the first or last of a bucket. Equal times are told apart by the sequence. */
export interface Edge {
  readonly time: number;
  readonly sequence: number;
  readonly value: number;
}

/** What is left of the numbers of a minute or an hour. Texts are not in it. */
export interface Summary {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly first: Edge;
  readonly last: Edge;
}

export function summaryOf(edge: Edge): Summary {
  const { value } = edge;
  return { count: 1, sum: value, min: value, max: value, first: edge, last: edge };
}

/** Commutative, and associative but for the rounding of the sum. */
export function merge(a: Summary, b: Summary): Summary {
  return {
    count: a.count + b.count,
    sum: a.sum + b.sum,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    first: compareEdges(a.first, b.first) <= 0 ? a.first : b.first,
    last: compareEdges(a.last, b.last) >= 0 ? a.last : b.last,
  };
}

/** The value settles it for two streams that use the same sequence at the same time. */
function compareEdges(a: Edge, b: Edge): number {
  return a.time - b.time || a.sequence - b.sequence || a.value - b.value;
}
