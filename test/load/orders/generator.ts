import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { endWith, GeneratorRecord, postJson } from './generating.ts';
import type { OrderLoad, OrderLoadResult } from './order-load.ts';

/** After the last order was sent, for those that are still on their way. */
const TAIL_MS_MAX = 15_000;
const CONNECTIONS_MAX = 512;

const load = JSON.parse(process.argv[2] ?? '') as OrderLoad;
const ADDRESS = {
  name: 'Ada Example',
  street: 'Main Street 1',
  city: 'Berlin',
  postalCode: '10115',
  country: 'DE',
};
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
/** When an order was due, by its id; and what was shown before the answer to its POST came. */
const dueAt = new Map<string, number>();
const shownEarly = new Map<string, number>();
/** Tells the window that an order is done. */
const onDone = new Map<string, () => void>();
let [placed, ordersInAll, confirmed, failed] = [0, 0, 0, 0];
let measureFrom = Number.POSITIVE_INFINITY;
let measureTo = Number.POSITIVE_INFINITY;

await watch();
const record = new GeneratorRecord();
const begin = performance.now();
measureFrom = begin + load.warmUpMs;
measureTo = measureFrom + load.measureMs;
if (load.pace.kind === 'window') await inWindow(load.pace.inFlight);
else await atRate(load.pace.perSecond);
const tailEnd = performance.now() + TAIL_MS_MAX;
while (dueAt.size > 0 && performance.now() < tailEnd) await pause(20);
const result: OrderLoadResult = {
  placed,
  ordersInAll,
  confirmed,
  failed,
  unseen: dueAt.size,
  seconds: load.measureMs / 1000,
  ...record.figures(),
};
endWith(result);

/** Open loop: what is due is sent, whether or not earlier ones were answered. */
async function atRate(perSecond: number): Promise<void> {
  const gapMs = 1_000 / perSecond;
  for (let due = performance.now(); due < measureTo; due += gapMs) {
    const waitMs = due - performance.now();
    if (waitMs > 1) await pause(waitMs);
    void place(due);
  }
}

async function inWindow(inFlight: number): Promise<void> {
  const lane = async (): Promise<void> => {
    while (performance.now() < measureTo) {
      const id = await place(performance.now());
      if (id === undefined) await pause(10);
      else if (dueAt.has(id)) {
        await new Promise<void>((resolve) => {
          onDone.set(id, resolve);
        });
      }
    }
  };
  await Promise.race([Promise.all(Array.from({ length: inFlight }, lane)), pause(totalMs())]);
}

function totalMs(): number {
  return load.warmUpMs + load.measureMs + TAIL_MS_MAX;
}

/** Its id, once it is placed; undefined when it was refused. */
async function place(due: number): Promise<string | undefined> {
  const isMeasured = due >= measureFrom && due < measureTo;
  const body = JSON.stringify({
    lines: [{ productId: load.productId, quantity: 1 }],
    shippingAddress: ADDRESS,
    currency: 'EUR',
    payment: { methodToken: 'tok_visa' },
  });
  const id = await post(body);
  if (id === undefined) {
    failed += isMeasured ? 1 : 0;
    return undefined;
  }
  ordersInAll += 1;
  if (isMeasured) placed += 1;
  dueAt.set(id, due);
  const early = shownEarly.get(id);
  if (early !== undefined) show(id, early);
  return id;
}

async function post(body: string): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${load.token}`, 'idempotency-key': randomUUID() };
  try {
    const { status, text } = await postJson(`${load.url}/v1/orders`, { agent, headers, body });
    return status === 202 ? (JSON.parse(text).id as string) : undefined;
  } catch {
    // It counts as failed, as what was refused does.
    return undefined;
  }
}

/** The customer's WebSocket: an order counts when it shows `confirmed` there. */
async function watch(): Promise<void> {
  const headers = { authorization: `Bearer ${load.token}` };
  const answer = await fetch(`${load.url}/v1/ws/tickets`, { method: 'POST', headers });
  if (!answer.ok) throw new Error(`no ticket: ${answer.status} ${await answer.text()}`);
  const { ticket } = (await answer.json()) as { ticket: string };
  const socket = new WebSocket(`${load.url.replace('http', 'ws')}/v1/ws?ticket=${ticket}`);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('error', () => reject(new Error('no WebSocket')));
    socket.addEventListener('message', ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === 'welcome') {
        socket.send(JSON.stringify({ type: 'subscribe', channel: 'orders' }));
      } else if (frame.type === 'subscribed') resolve();
      else if (frame.type === 'event' && frame.event?.type === 'order.confirmed.v1') {
        show(frame.event.subject, performance.now());
      }
    });
  });
}

interface Frame {
  readonly type: string;
  readonly event?: { readonly type: string; readonly subject: string };
}

function show(id: string, atMs: number): void {
  const due = dueAt.get(id);
  if (due === undefined) {
    // The answer to the POST is behind it; a repeat of one that was counted is left here, too.
    shownEarly.set(id, atMs);
    return;
  }
  dueAt.delete(id);
  onDone.get(id)?.();
  onDone.delete(id);
  const isMeasured = load.pace.kind === 'rate' ? due >= measureFrom : atMs >= measureFrom;
  if (!isMeasured || (load.pace.kind === 'window' && atMs >= measureTo)) return;
  confirmed += 1;
  record.confirmed(atMs - due);
}
