import type { ApiClient } from './client.ts';

/** So many at a time: what waits longest first is not promised, only that all are shipped. */
const SHIPPED_AT_ONCE_MAX = 20;

/** Ships what is paid for. Returns what was shipped. */
export async function shipConfirmed(client: ApiClient): Promise<readonly string[]> {
  const { status, body } = await client.get(
    `/v1/orders?state=confirmed&limit=${SHIPPED_AT_ONCE_MAX}`,
  );
  if (status !== 200) return [];
  const shipped: string[] = [];
  for (const { id } of body['items']! as readonly { id: string }[]) {
    // One shipment per order: the key is the intention, also after this process died.
    const answer = await client.post(`/v1/orders/${id}/shipments`, {}, `ship-${id}`);
    if (answer.status === 202) shipped.push(id);
  }
  return shipped;
}
