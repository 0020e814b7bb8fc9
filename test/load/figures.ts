/** The figures of several rounds, as a table shows them. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The row of a bench's last line; `ratios` is ours divided by the peer's, round by round. */
export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly ours: number;
  readonly peers: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
}

/** One measure of every server, a figure for each round. */
export interface Measured {
  readonly measure: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly peers: Readonly<Record<string, readonly number[]>>;
}

export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** Of figures that were taken in the same round, so that a slow minute of the disk cancels out. */
export function ratiosOf(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((figure, round) => figure / theirs[round]!).filter(Number.isFinite);
}

export function rowOf({ measure, unit, ours, peers }: Measured): Row {
  const entries = Object.entries(peers);
  const ratios = entries
    .map(([name, figures]) => [name, ratiosOf(ours, figures)] as const)
    .filter(([, found]) => found.length > 0)
    .map(([name, found]) => [name, round(spreadOf(found).median)]);
  return {
    measure,
    unit,
    ours: round(spreadOf(ours).median),
    peers: Object.fromEntries(
      entries.map(([name, figures]) => [name, round(spreadOf(figures).median)]),
    ),
    ratios: Object.fromEntries(ratios),
  };
}

/** Lines of a table: ours first, then each peer with the ratio of ours to it. */
export function tableOf(measured: readonly Measured[], ourName: string): string[] {
  const lines = [['measure', 'unit', 'server', 'figure (min–max)', `${ourName} ÷ it (min–max)`]];
  for (const { measure, unit, ours, peers } of measured) {
    lines.push([measure, unit, ourName, show(ours), '']);
    for (const [name, figures] of Object.entries(peers))
      lines.push(['', '', name, show(figures), show(ratiosOf(ours, figures))]);
  }
  return align(lines);
}

export function align(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]!.map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]!.length)),
  );
  return lines.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

function show(figures: readonly number[]): string {
  if (figures.length === 0) return '–';
  const { median, min, max } = spreadOf(figures);
  return `${digits(median)} (${digits(min)}–${digits(max)})`;
}

/** As any reader's table has it, whatever the machine's language. */
function digits(figure: number): string {
  return round(figure).toLocaleString('en');
}

/** Three digits say all that such a run can know. */
function round(figure: number): number {
  return Number(figure.toPrecision(3));
}
