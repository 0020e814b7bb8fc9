import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { RelativeTime } from '@holdfast/shared/ui/relative-time.tsx';
import { Segmented } from '@holdfast/shared/ui/segmented.tsx';
import { type Polled, usePoll } from '@holdfast/shared/ui/use-poll.ts';
import { useRef } from 'preact/hooks';
import type { DeviceLatest, LatestMetric } from '../api.ts';
import { naturalEnd, parseRange, RANGES, type RangeEnd, type RangeId } from '../chart-range.ts';
import { useConsole } from '../console-context.ts';
import { LoadFailure, Waiting } from '../data-state.tsx';
import { MetricPanel } from '../metric-panel.tsx';
import { PageHeading } from '../page-heading.tsx';
import { devicePath, devicesPath } from '../routes.ts';

export interface DevicePageProps {
  readonly id: string;
  readonly query: URLSearchParams;
}

export function DevicePage({ id, query }: DevicePageProps) {
  const { api, watch } = useConsole();
  const stale = useObservable(watch.connection).kind === 'down';
  const site = query.get('site');
  const scope = site === null ? '' : `?site=${encodeURIComponent(site)}`;
  const polled = usePoll<DeviceLatest>(api, `/v1/devices/${encodeURIComponent(id)}/latest${scope}`);
  return (
    <>
      <a class="back small" href={devicesPath()}>
        <span aria-hidden="true">←</span> All devices
      </a>
      <PageHeading title={id} />
      <Content id={id} query={query} polled={polled} stale={stale} />
    </>
  );
}

interface ContentProps extends DevicePageProps {
  readonly polled: Polled<DeviceLatest>;
  readonly stale: boolean;
}

function Content({ id, query, polled, stale }: ContentProps) {
  const { data, failure } = polled;
  const refused = failure !== undefined && !stale;
  if (!data) {
    return refused ? (
      <LoadFailure what={`Device ${id}`} failure={failure} />
    ) : (
      <Waiting what="readings" stale={stale} />
    );
  }
  return (
    <>
      {refused && <LoadFailure what="The latest values" failure={failure} />}
      <Metrics device={data} query={query} />
    </>
  );
}

function Metrics({ device, query }: { device: DeviceLatest; query: URLSearchParams }) {
  const newestMs = Math.max(...device.metrics.map((metric) => Date.parse(metric.time)));
  const receivedMs = Math.max(...device.metrics.map((metric) => Date.parse(metric.receivedAt)));
  const choice = useChoice(device, query, newestMs);
  return (
    <>
      <p class="device-facts quiet numeric">
        <span>{device.site}</span>
        <span>
          last received <RelativeTime atMs={receivedMs} />
        </span>
      </p>
      <div class="controls">
        <Segmented
          legend="Time range"
          options={RANGES}
          chosen={choice.range}
          onChoose={(range) => choice.choose({ range })}
        />
        <Segmented
          legend="Range ends at"
          options={ENDS}
          chosen={choice.end}
          onChoose={(end) => choice.choose({ end })}
        />
      </div>
      <ul class="panels">
        {device.metrics.map((metric: LatestMetric) => (
          <li key={metric.metric}>
            <MetricPanel device={device} metric={metric} range={choice.range} end={choice.end} />
          </li>
        ))}
      </ul>
    </>
  );
}

const ENDS: readonly { id: RangeEnd; label: string; spokenLabel: string }[] = [
  { id: 'now', label: 'Until now', spokenLabel: 'until now' },
  { id: 'newest', label: 'Newest data', spokenLabel: 'until the newest reading' },
];

/**
 * From the address, else what suits the data; decided once, so that the charts do not jump by
 * themselves.
 */
function useChoice(device: DeviceLatest, query: URLSearchParams, newestMs: number) {
  const { router } = useConsole();
  const natural = useRef<RangeEnd | undefined>(undefined);
  natural.current ??= naturalEnd(newestMs, Date.now());
  const range = parseRange(query.get('range')) ?? '15m';
  const wanted = query.get('end');
  const end = wanted === 'now' || wanted === 'newest' ? wanted : natural.current;
  const choose = (change: { range?: RangeId; end?: RangeEnd }): void => {
    const next = { site: device.site, range, end, ...change };
    router.go(devicePath(device.id, next), 'replace');
  };
  return { range, end, choose };
}
