import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TARGET_NAMES } from '@holdfast/cloud/targets.ts';
import type { FinishedSpan } from '@holdfast/shared/runtime/tracing.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShop, type Shop, type ShopPlan } from '../load/orders/shop.ts';
import { eventually } from './eventually.ts';
import { LiveOrders } from './live-orders.ts';
import { CONFIRMED_TIMEOUT_MS, callerOf, orderOf, postOrder, stockUp } from './shopping.ts';

const FILE = 'traces.jsonl';
const REST = TARGET_NAMES.filter((name) => name !== 'order' && name !== 'inventory');
/** `order` and `inventory` in processes of their own, everything else in a third one. */
const PLAN: ShopPlan = { order: ['order'], inventory: ['inventory'], rest: REST };

let dir: string;
let shop: Shop;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-trace-'));
  shop = await openShop({ dir, plan: PLAN, env: { HOLDFAST_TRACING_EXPORTER: 'file' } });
});
afterAll(async () => {
  await shop?.close();
  rmSync(dir, { recursive: true, force: true });
});

type Span = FinishedSpan & { readonly process: string };

/** Of every process: each line of its file is a span that has ended. */
function spansOf(traceId: string): Span[] {
  return Object.keys(PLAN).flatMap((process) => {
    const file = join(shop.processes.get(process)!.options.env['HOLDFAST_DATA_DIR']!, FILE);
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    const spans = lines.map((line) => ({ ...(JSON.parse(line) as FinishedSpan), process }));
    return spans.filter((span) => span.traceId === traceId);
  });
}

/** The process of a span, its name, and what it was about. */
function titleOf({ process, name, attributes }: Span): string {
  const about = ['rpc.method', 'event.type', 'payment.operation', 'url.path'];
  return [process, name, ...about.flatMap((key) => attributes[key] ?? [])].join(' ');
}

/** From the root down to the span. */
function pathTo(span: Span, tree: readonly Span[]): readonly string[] {
  const parent = tree.find(({ spanId }) => spanId === span.parentSpanId);
  return [...(parent ? pathTo(parent, tree) : []), titleOf(span)];
}

const REQUEST = 'order http.request /v1/orders';
const SAGA = [REQUEST, 'order order.saga'];

/** What lies below one request: calls to other processes, and what a browser is shown. */
const PATHS = [
  [REQUEST, 'order peer.call getProducts', 'rest peer.handle getProducts'],
  [REQUEST, 'order event-log.append', 'order websocket.send order.placed.v1'],
  [...SAGA, 'order peer.call reserve', 'inventory peer.handle reserve'],
  [
    ...SAGA,
    'order peer.call authorise',
    'rest peer.handle authorise',
    'rest acquirer.authorise authorise',
  ],
  [...SAGA, 'order peer.call confirm', 'inventory peer.handle confirm'],
  ...['reserved', 'authorised', 'confirmed'].map((state) => [
    ...SAGA,
    'order event-log.append',
    `order websocket.send order.${state}.v1`,
  ]),
  // What inventory and payment tell the others about the same request.
  [
    ...SAGA,
    'order peer.call reserve',
    'inventory peer.handle reserve',
    'inventory event-log.append',
  ],
  [...SAGA, 'order peer.call authorise', 'rest peer.handle authorise', 'rest event-log.append'],
].map((path) => path.join(' > '));

test('one trace runs from REST through gRPC and the event log to the WebSocket', async () => {
  const customer = await callerOf(shop, 'order', 'customer');
  const catalogue = await callerOf(shop, 'rest', 'admin');
  const stock = await callerOf(shop, 'inventory', 'operator');
  const ware = await stockUp({ catalogue, stock }, 1);
  const live = await LiveOrders.watch(customer);
  const placed = await postOrder(customer, orderOf(ware));
  expect(placed.status).toBe(202);
  const { id } = (await placed.json()) as { id: string };
  const traceId = placed.headers.get('traceparent')!.split('-')[1]!;
  await eventually(
    'the order to be shown as confirmed',
    () => live.shown(id).includes('order.confirmed.v1'),
    CONFIRMED_TIMEOUT_MS,
  );
  // What a browser gets says the trace, too.
  expect(live.frames.findLast(({ event }) => event?.subject === id)?.traceparent).toContain(
    traceId,
  );
  live.close();

  const tree = await eventually('the whole trace', () => {
    const spans = spansOf(traceId);
    const paths = spans.map((span) => pathTo(span, spans).join(' > '));
    // A span is written when it ends, so the inner ones come first.
    const missing = PATHS.filter((path) => !paths.includes(path));
    if (missing.length > 0)
      throw new Error(`missing ${missing.join('\n')}\nin ${paths.join('\n')}`);
    return spans;
  });
  const ids = new Set(tree.map(({ spanId }) => spanId));
  expect(ids.size).toBe(tree.length);
  const roots = tree.filter(({ parentSpanId }) => !ids.has(parentSpanId ?? ''));
  expect(roots.map(titleOf)).toEqual([REQUEST]);
  expect(new Set(tree.map(({ process }) => process))).toEqual(new Set(Object.keys(PLAN)));
});
