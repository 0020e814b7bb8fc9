import { TimeChart } from '@holdfast/shared/ui/chart.tsx';
import { formatValue } from '@holdfast/shared/ui/number-format.ts';
import { RelativeTime } from '@holdfast/shared/ui/relative-time.tsx';
import { StatusBadge } from '@holdfast/shared/ui/status-badge.tsx';
import { useNow } from '@holdfast/shared/ui/use-now.ts';
import { useId, useMemo, useState } from 'preact/hooks';
import { type DeviceLatest, type LatestMetric, shownValue } from './api.ts';
import { isBinary, summarise, toColumns } from './chart-points.ts';
import { RANGES, type RangeEnd, type RangeId, windowOf } from './chart-range.ts';
import { emptyWords, pointWords, summaryWords } from './chart-words.ts';
import { useConsole } from './console-context.ts';
import { failureWords } from './data-state.tsx';
import type { History } from './history.ts';
import { describeMetric } from './metric-name.ts';
import { useHistory, useShown } from './use-history.ts';

export interface MetricPanelProps {
  readonly device: DeviceLatest;
  readonly metric: LatestMetric;
  readonly range: RangeId;
  readonly end: RangeEnd;
}

export function MetricPanel(props: MetricPanelProps) {
  const { device, metric, range, end } = props;
  const { api } = useConsole();
  const [place, shown] = useShown();
  const newest = {
    key: `${metric.incarnation}/${metric.sequence}`,
    timeMs: Date.parse(metric.time),
  };
  const query = { deviceId: device.id, site: device.site, metric: metric.metric, range, end };
  const { history, failure } = useHistory(api, query, { newest, shown });
  const titleId = useId();
  return (
    <section class="panel card" ref={place} aria-labelledby={titleId}>
      <PanelHead metric={metric} titleId={titleId} />
      {failure !== undefined && !history && (
        <p class="notice notice-warn small">No history: {failureWords(failure)}</p>
      )}
      <PanelChart {...props} history={history} newestMs={newest.timeMs} />
    </section>
  );
}

function PanelHead({ metric, titleId }: { metric: LatestMetric; titleId: string }) {
  const { label, unit } = describeMetric(metric.metric);
  return (
    <header class="panel-head">
      <div>
        <h2 id={titleId} class="panel-title">
          {label}
        </h2>
        <code class="quiet mono small">{metric.metric}</code>
      </div>
      <div class="panel-latest">
        <p
          class={metric.value === undefined ? 'panel-value panel-text' : 'panel-value numeric'}
          data-testid={`latest-${metric.metric}`}
        >
          {formatValue(shownValue(metric))}
          {unit !== '' && <span class="unit">{unit}</span>}
        </p>
        <p class="quiet small numeric">
          <RelativeTime atMs={Date.parse(metric.time)} />
        </p>
        {metric.clock === 'suspect' && <StatusBadge tone="warn">Device clock off</StatusBadge>}
      </div>
    </header>
  );
}

interface PanelChartProps extends MetricPanelProps {
  readonly history: History | undefined;
  readonly newestMs: number;
}

function PanelChart({ metric, range, end, history, newestMs }: PanelChartProps) {
  const nowMs = useNow();
  const [pointed, setPointed] = useState<number>();
  const columns = useMemo(
    () => history && toColumns(history.points, history.resolution),
    [history],
  );
  const band = useMemo(() => columns && { lows: columns.lows, highs: columns.highs }, [columns]);
  if (!history || !columns || !band) return <div class="chart chart-waiting" aria-hidden="true" />;
  const { points, resolution } = history;
  const oldestMs = points[0]?.atMs ?? newestMs;
  const newestPointMs = Math.max(newestMs, points.at(-1)?.atMs ?? newestMs);
  const span = windowOf({ range, end, nowMs, newestMs: newestPointMs, oldestMs });
  const summary = summarise(points);
  const { label, unit } = describeMetric(metric.metric);
  const spoken = RANGES.find((each) => each.id === range)!.spokenLabel;
  return (
    <figure>
      {points.length === 0 ? (
        <p class={metric.value === undefined ? 'chart-empty quiet' : 'chart chart-empty quiet'}>
          {emptyWords(metric, { end, newestMs, nowMs })}
        </p>
      ) : (
        <TimeChart
          timesMs={columns.timesMs}
          values={columns.values}
          {...(resolution === 'raw' ? {} : { band })}
          {...span}
          shape={isBinary(points) ? 'steps' : 'line'}
          label={`Chart of ${label}, ${spoken}. ${summaryWords(summary, unit)}`}
          onPoint={setPointed}
        />
      )}
      <figcaption class="panel-caption quiet small numeric">
        {pointWords(columns, pointed, { unit, nowMs }) ?? summaryWords(summary, unit)}
      </figcaption>
    </figure>
  );
}
