import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { type HaltAt, haltingSteps } from '@holdfast/shared/runtime/halt.fixture.ts';
import { type Runtime, systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { type Asked, type OrderPlace, OrderProcess, SAMPLE_BODY } from './order.fixture.ts';
import { clientsOf, type PlainCall } from './peers.fixture.ts';

/** What a suite asks of another process; `advanced` serialization, since calls hold bigints. */
export interface OrderTask {
  readonly place: OrderPlace;
  readonly haltAt?: HaltAt;
}

/** Between a process and the suite, which keeps the peers: they outlive every process. */
export type ToSuite =
  | { readonly kind: 'call'; readonly number: number; readonly call: PlainCall }
  | { readonly kind: 'ready' };
export type ToProcess =
  | { readonly kind: 'answer'; readonly number: number; readonly answer: unknown }
  | { readonly kind: 'failure'; readonly number: number; readonly code: string }
  | { readonly kind: 'place'; readonly key: string; readonly methodToken: string }
  | { readonly kind: 'ask'; readonly asked: Asked }
  | 'stop';

const COME_AGAIN_MS = 200;

// Not longer than the test that started it.
process.once('disconnect', () => process.exit());
const task = JSON.parse(process.argv[2] ?? '') as OrderTask;
const waiting = new Map<number, PromiseWithResolvers<unknown>>();
let number = 0;
const runtime: Runtime = {
  ...(await systemRuntime({ name: 'order', logLevel: 'silent' })),
  steps: haltingSteps(task.haltAt),
};
const peers = clientsOf((call) => {
  const answer = Promise.withResolvers<unknown>();
  number += 1;
  waiting.set(number, answer);
  tell({ kind: 'call', number, call });
  return answer.promise;
});
const order = await OrderProcess.open(task.place, { peers, runtime, settings: { leaseMs: 500 } });

process.on('message', async (message: ToProcess) => {
  if (message === 'stop') {
    await order.close();
    process.disconnect();
  } else if (message.kind === 'answer') settle(message.number).resolve(message.answer);
  else if (message.kind === 'failure') {
    settle(message.number).reject(new AppError(message.code as 'UNAVAILABLE', 'as the peer said'));
  } else if (message.kind === 'ask') await order.ask(message.asked);
  else {
    const body = { ...SAMPLE_BODY, payment: { methodToken: message.methodToken } };
    await placeAtLast({ method: 'POST', path: '/v1/orders', key: message.key, body });
  }
});
tell({ kind: 'ready' });

/** As a customer who is told to come again does: what was uncertain is asked with the same key. */
async function placeAtLast(asked: Asked): Promise<void> {
  for (;;) {
    const { status } = await order.ask(asked);
    if (status < 500) return;
    await systemClock.sleep(COME_AGAIN_MS);
  }
}

function settle(of: number): PromiseWithResolvers<unknown> {
  const found = waiting.get(of)!;
  waiting.delete(of);
  return found;
}

function tell(message: ToSuite): void {
  process.send?.(message);
}
