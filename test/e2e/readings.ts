import type { House } from './house.ts';

const PAGE_READINGS_MAX = 10_000;

export interface Reading {
  readonly value?: number;
  readonly text?: string;
  readonly sequence: number;
  readonly incarnation: string;
}

interface Page {
  readonly items: readonly Reading[];
  readonly next_cursor: string | null;
}

/** Every raw reading of a device's metric, by sequence. */
export async function allReadings(
  house: House,
  device: string,
  metric: string,
): Promise<readonly Reading[]> {
  const readings: Reading[] = [];
  let cursor = '';
  do {
    const query = `metric=${metric}&order=sequence&limit=${PAGE_READINGS_MAX}${cursor}`;
    const page = await house.json<Page>(`/v1/devices/${device}/readings?${query}`);
    readings.push(...page.items);
    cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
  } while (cursor !== '');
  return readings;
}

/** The newest reading of a device, by metric; undefined while the device is not known. */
export async function latest(
  house: House,
  device: string,
): Promise<ReadonlyMap<string, Reading> | undefined> {
  const answer = await house.get(`/v1/devices/${device}/latest`);
  if (answer.status === 404) return undefined;
  const { metrics } = (await answer.json()) as { metrics: (Reading & { metric: string })[] };
  return new Map(metrics.map((reading) => [reading.metric, reading]));
}

/** What a lane of the house's gateway looks like from the cloud. */
export interface LaneView {
  readonly lane: string;
  readonly lag: number | null;
  /** As the gateway last reported it. */
  readonly backlog: number | null;
  readonly ledger: { readonly accepted: number; readonly pending: number } | null;
  readonly cloud: {
    readonly contiguous: number;
    readonly highest: number;
    readonly held: number;
    readonly openRanges: number;
  };
}

export interface GatewayView {
  readonly id: string;
  readonly state: string;
  readonly revokedAt: string | null;
  readonly lanes: readonly LaneView[];
}

export async function gatewayView(house: House): Promise<GatewayView | undefined> {
  const { items } = await house.json<{ items: GatewayView[] }>('/v1/gateways');
  return items[0];
}

export async function telemetryLane(house: House): Promise<LaneView | undefined> {
  const gateway = await gatewayView(house);
  return gateway?.lanes.find((one) => one.lane === 'telemetry');
}
