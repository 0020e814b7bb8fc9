const WIDTH = 96;
const HEIGHT = 28;
const PADDING = 3;

/**
 * The last values as a small line; says nothing that the number beside it does not, so it is hidden
 * from readers.
 */
export function Sparkline({ values }: { values: readonly number[] }) {
  if (values.length < 2) return null;
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <path d={sparklinePath(values)} />
    </svg>
  );
}

export function sparklinePath(values: readonly number[]): string {
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  const stepX = (WIDTH - 2 * PADDING) / (values.length - 1);
  const points = values.map((value, index) => {
    const share = span === 0 ? 0.5 : (value - low) / span;
    const x = PADDING + index * stepX;
    const y = HEIGHT - PADDING - share * (HEIGHT - 2 * PADDING);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${points.join('L')}`;
}
