import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { timeLabels, valueRange } from './chart-axis.ts';
import { formatValue } from './number-format.ts';

export interface TimeChartProps {
  readonly timesMs: readonly number[];
  readonly values: readonly (number | null)[];
  /** The band around the line; absent for single readings. */
  readonly band?: {
    readonly lows: readonly (number | null)[];
    readonly highs: readonly (number | null)[];
  };
  readonly fromMs: number;
  readonly toMs: number;
  /** Steps are for what is only ever 0 or 1. */
  readonly shape: 'line' | 'steps';
  /** What the chart says, in a sentence: a canvas tells a screen reader nothing. */
  readonly label: string;
  /** The point under the pointer, or undefined when it leaves. */
  readonly onPoint: (index: number | undefined) => void;
}

const HEIGHT_PX = 176;
/** More points than this run together in a thick line. */
const DENSE_POINTS = 600;
/** So few points on a long axis would be specks without their dots. */
const FEW_POINTS = 30;
const DOT_SPACE_PX = 16;
const BAND_HIGH = 2;
const BAND_LOW = 3;

/** A uPlot in the page's colours, as wide as its place. */
export function TimeChart(props: TimeChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const scheme = useColourScheme();
  const banded = props.band !== undefined;
  const dense = props.timesMs.length > DENSE_POINTS;

  useEffect(() => {
    const element = place.current!;
    const options = plotOptions(element, latest, { banded, dense, shape: props.shape });
    const made = new uPlot(options, toData(latest.current), element);
    plot.current = made;
    const resized = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX });
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [banded, dense, props.shape, scheme]);

  useEffect(() => {
    plot.current?.setData(toData(latest.current));
  }, [props.timesMs, props.values, props.band, props.fromMs, props.toMs]);

  return <div ref={place} class="chart" role="img" aria-label={props.label} />;
}

function toData(props: TimeChartProps): uPlot.AlignedData {
  const seconds = props.timesMs.map((ms) => ms / 1000);
  const columns = [props.values, ...(props.band ? [props.band.highs, props.band.lows] : [])];
  return [seconds, ...columns] as uPlot.AlignedData;
}

function plotOptions(
  element: HTMLElement,
  latest: { readonly current: TimeChartProps },
  { banded, dense, shape }: { banded: boolean; dense: boolean; shape: TimeChartProps['shape'] },
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const accent = colour('--accent');
  const edge: uPlot.Series = { stroke: 'transparent', points: { show: false } };
  const steps = shape === 'steps' ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8, fill: accent } },
    scales: {
      x: { range: () => [latest.current.fromMs / 1000, latest.current.toMs / 1000] },
      y: { range: (_, low, high) => valueRange(low, high) },
    },
    series: [
      {},
      {
        stroke: accent,
        width: dense && !steps ? 1 : 2,
        points: { size: 6, fill: accent, show: hasRoomForDots },
        ...(steps ? { paths: steps } : {}),
      },
      ...(banded ? [edge, edge] : []),
    ],
    bands: banded ? [{ series: [BAND_HIGH, BAND_LOW], fill: withAlpha(accent, 0.18) }] : [],
    axes: plotAxes(style, { colour, shape }),
    hooks: { setCursor: [(u) => latest.current.onPoint(u.cursor.idx ?? undefined)] },
  };
}

function plotAxes(
  style: CSSStyleDeclaration,
  { colour, shape }: { colour: (name: string) => string; shape: TimeChartProps['shape'] },
): uPlot.Axis[] {
  const shared: uPlot.Axis = {
    font: `12px ${style.fontFamily}`,
    stroke: colour('--ink-soft'),
    ticks: { show: false },
    grid: { stroke: colour('--line'), width: 1 },
  };
  const x: uPlot.Axis = {
    ...shared,
    space: 72,
    size: 42,
    gap: 8,
    grid: { show: false },
    values: (...[, ticks, , , stepS]) => timeLabels(ticks, stepS),
  };
  const y: uPlot.Axis = {
    ...shared,
    space: 36,
    ...(shape === 'steps' ? { splits: () => [0, 1] } : {}),
    gap: 8,
    size: (_, labels) => Math.max(40, 16 + 7 * Math.max(0, ...(labels ?? []).map(lengthOf))),
    values: (_, ticks) => ticks.map(formatValue),
  };
  return [x, y];
}

function lengthOf(label: string): number {
  return label.length;
}

/** For the points with the indices `first` to `last`, which the plot shows. */
function hasRoomForDots(plot: uPlot, ...[, first, last]: [number, number, number]): boolean {
  return last - first <= Math.max(FEW_POINTS, plot.width / DOT_SPACE_PX);
}

function withAlpha(hex: string, alpha: number): string {
  return `color-mix(in srgb, ${hex} ${alpha * 100}%, transparent)`;
}

/** A canvas keeps the colours it was painted with: it is painted anew when the scheme changes. */
function useColourScheme(): 'dark' | 'light' {
  const [query] = useState(() => matchMedia('(prefers-color-scheme: dark)'));
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const change = (): void => setDark(query.matches);
    query.addEventListener('change', change);
    return () => query.removeEventListener('change', change);
  }, [query]);
  return dark ? 'dark' : 'light';
}
