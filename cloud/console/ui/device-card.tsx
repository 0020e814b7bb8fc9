import { formatValue } from '@holdfast/shared/ui/number-format.ts';
import { RelativeTime } from '@holdfast/shared/ui/relative-time.tsx';
import { Sparkline } from '@holdfast/shared/ui/sparkline.tsx';
import { useNow } from '@holdfast/shared/ui/use-now.ts';
import { type Device, type MetricValue, shownValue } from './api.ts';
import { describeMetric } from './metric-name.ts';
import { devicePath } from './routes.ts';
import type { Trend } from './trends.ts';

const METRICS_SHOWN_MAX = 4;
/** A device may send once an hour; only after this does its silence deserve a word. */
const SILENT_AFTER_MS = 5 * 60_000;

export interface DeviceCardProps {
  readonly device: Device;
  readonly trend: Trend | undefined;
  readonly showSite: boolean;
}

export function DeviceCard({ device, trend, showSite }: DeviceCardProps) {
  const shown = device.metrics.slice(0, METRICS_SHOWN_MAX);
  const hiddenCount = device.metricCount - shown.length;
  return (
    <a
      class="device card"
      href={devicePath(device.id, { site: device.site })}
      data-testid={`device-${device.id}`}
    >
      <div class="device-head">
        <h2 class="device-name">{device.id}</h2>
        {trend && <Sparkline values={trend.values} />}
      </div>
      <dl class="device-metrics">
        {shown.map((metric) => (
          <MetricLine key={metric.metric} metric={metric} />
        ))}
      </dl>
      <p class="device-foot quiet small numeric">
        {device.lastSeen !== null && <Freshness atMs={Date.parse(device.lastSeen)} />}
        {hiddenCount > 0 && <span>{hiddenCount} more</span>}
        {showSite && <span>{device.site}</span>}
      </p>
    </a>
  );
}

function MetricLine({ metric }: { metric: MetricValue }) {
  const { label, unit } = describeMetric(metric.metric);
  return (
    <div class="device-metric">
      <dt class="quiet">{label}</dt>
      <dd class="numeric">
        {formatValue(shownValue(metric))}
        {unit !== '' && <span class="unit">{unit}</span>}
      </dd>
    </div>
  );
}

function Freshness({ atMs }: { atMs: number }) {
  const silent = useNow() - atMs > SILENT_AFTER_MS;
  return (
    <span class={silent ? 'freshness' : 'freshness freshness-live'}>
      {silent && 'silent, '}
      <RelativeTime atMs={atMs} />
    </span>
  );
}
