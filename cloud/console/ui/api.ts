import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';
import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';

/**
 * What the telemetry API answers (see cloud/telemetry/README.md): the part that the console reads.
 */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

export type GatewayState = 'connected' | 'lost' | 'disconnected' | 'fenced';

export interface GatewayLane {
  readonly lane: Lane;
  /**
   * Accepted at the gateway, and neither stored in the cloud nor settled. Null before its first
   * report.
   */
  readonly lag: number | null;
  /** Pending there below the line of the last Welcome. Null before its first report. */
  readonly backlog: number | null;
  readonly ledger: LaneLedger | null;
}

export interface Gateway {
  readonly id: string;
  readonly site: string;
  readonly state: GatewayState;
  readonly reason: string | null;
  readonly lastSeen: string;
  readonly softwareVersion: string | null;
  readonly bufferBytes: number;
  readonly connectedDevices: number;
  readonly reportedAt: string | null;
  readonly revokedAt: string | null;
  readonly lanes: readonly GatewayLane[];
}

/** Exactly one of value, text and base64 is there. */
export interface MetricValue {
  readonly metric: string;
  readonly time: string;
  readonly value?: number;
  readonly text?: string;
  readonly base64?: string;
}

export interface LatestMetric extends MetricValue {
  readonly receivedAt: string;
  readonly sequence: number;
  readonly incarnation: string;
  /** 'suspect' when the device's own time was not believable. */
  readonly clock?: string;
}

export interface Device {
  readonly id: string;
  readonly site: string;
  readonly gatewayId: string | null;
  /** When the cloud's gateway received the newest reading; null when none is kept any more. */
  readonly lastSeen: string | null;
  readonly metricCount: number;
  readonly metrics: readonly MetricValue[];
}

export interface DeviceLatest {
  readonly id: string;
  readonly site: string;
  readonly metrics: readonly LatestMetric[];
}

/** A raw reading, or a summary of a minute or an hour: then `mean`, `min` and `max` are there. */
export interface ReadingItem {
  readonly time: string;
  readonly value?: number;
  readonly mean?: number;
  readonly min?: number;
  readonly max?: number;
}

const PAGE_ITEMS = 100;
/** 1,000 entries; a page that shows more says so and offers the search. */
export const LIST_PAGES_MAX = 10;

export interface Listing<T> {
  readonly items: readonly T[];
  /** True when there are more than LIST_PAGES_MAX pages. */
  readonly cut: boolean;
}

/** All pages of a list, one after the other; each page is asked for with its own ETag. */
export async function listAll<T>(
  api: ApiClient,
  path: string,
  signal: AbortSignal,
): Promise<Listing<T>> {
  const items: T[] = [];
  let cursor: string | null = null;
  for (let count = 0; count < LIST_PAGES_MAX; count += 1) {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page<T> = await api.get(`${path}?limit=${PAGE_ITEMS}${after}`, { signal });
    items.push(...page.items);
    cursor = page.next_cursor;
    if (cursor === null) return { items, cut: false };
  }
  return { items, cut: true };
}

/** The reading as a person sees it. */
export function shownValue(metric: MetricValue): number | string {
  return metric.value ?? metric.text ?? 'not readable';
}
