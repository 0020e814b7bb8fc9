import type { House } from '../../e2e/house.ts';

const PAGE_LIMIT = 10_000;

/** Who answers for the cloud. */
export type CloudApi = Pick<House, 'get' | 'json'>;

/** Everything that the cloud holds of these devices' metrics, through its API, page by page. */
export async function readHeld<Item>(
  cloud: CloudApi,
  devices: Iterable<string>,
  isWanted: (metric: string) => boolean = () => true,
): Promise<Map<string, Item[]>> {
  const held = new Map<string, Item[]>();
  for (const device of devices) {
    const items: Item[] = [];
    for (const metric of await metricsOf(cloud, device)) {
      if (isWanted(metric)) items.push(...(await readMetric<Item>(cloud, device, metric)));
    }
    held.set(device, items);
  }
  return held;
}

async function metricsOf(cloud: CloudApi, device: string): Promise<string[]> {
  const answer = await cloud.get(`/v1/devices/${device}/latest`);
  if (answer.status === 404) return [];
  const latest = (await answer.json()) as { metrics: { metric: string }[] };
  return latest.metrics.map(({ metric }) => metric);
}

async function readMetric<Item>(cloud: CloudApi, device: string, metric: string): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ metric, order: 'sequence', limit: String(PAGE_LIMIT) });
    if (cursor) query.set('cursor', cursor);
    const page: { items: Item[]; next_cursor: string | null } = await cloud.json(
      `/v1/devices/${device}/readings?${query}`,
    );
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}
