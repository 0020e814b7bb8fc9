import { useRef } from 'preact/hooks';
import type { Device } from './api.ts';

export interface Trend {
  readonly metric: string;
  readonly lastTime: string;
  readonly values: readonly number[];
}

/** Values kept per device. */
export const TREND_VALUES_MAX = 40;

/**
 * Adds what is new since the last look: the small lines come from what the list shows anyway, not
 * from requests.
 */
export function nextTrends(
  before: ReadonlyMap<string, Trend>,
  devices: readonly Device[],
): ReadonlyMap<string, Trend> {
  const trends = new Map<string, Trend>();
  for (const device of devices) {
    const first = device.metrics.find((metric) => metric.value !== undefined);
    if (first?.value === undefined) continue;
    const key = deviceKey(device);
    const known = before.get(key);
    trends.set(key, nextTrend(known?.metric === first.metric ? known : undefined, first));
  }
  return trends;
}

/** An id is unique within its site only. */
export function deviceKey(device: { id: string; site: string }): string {
  return `${device.site}/${device.id}`;
}

export function useTrends(devices: readonly Device[] | undefined): ReadonlyMap<string, Trend> {
  const seen = useRef<{
    devices: readonly Device[] | undefined;
    trends: ReadonlyMap<string, Trend>;
  }>({ devices: undefined, trends: new Map() });
  if (devices && devices !== seen.current.devices) {
    seen.current = { devices, trends: nextTrends(seen.current.trends, devices) };
  }
  return seen.current.trends;
}

function nextTrend(
  known: Trend | undefined,
  reading: { metric: string; time: string; value?: number },
): Trend {
  const { metric, time: lastTime, value = 0 } = reading;
  if (known?.lastTime === lastTime) return known;
  return { metric, lastTime, values: [...(known?.values ?? []), value].slice(-TREND_VALUES_MAX) };
}
