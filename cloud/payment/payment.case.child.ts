import { join } from 'node:path';
import { createFileDurably } from '@holdfast/shared/runtime/files.ts';
import { type HaltAt, haltingSteps } from '@holdfast/shared/runtime/halt.fixture.ts';
import { type Runtime, systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import { callsOn, openPaymentAt, type PaymentPlace } from './payment.fixture.ts';

/** What a suite asks of another process, as JSON in its argument. */
export interface PaymentTask {
  readonly place: PaymentPlace;
  readonly keys: readonly string[];
  /** How far each payment goes. */
  readonly until: 'authorised' | 'captured' | 'refunded';
  /** Of several processes the first. */
  readonly haltAt?: HaltAt;
}

process.once('disconnect', () => process.exit());
const { place, keys, until, haltAt } = JSON.parse(process.argv[2] ?? '') as PaymentTask;
const runtime: Runtime = {
  ...(await systemRuntime({ name: 'payment', logLevel: 'silent' })),
  steps: haltingSteps(haltAt, () =>
    createFileDurably(join(place.dir, 'halted'), '', { mode: 0o600 }),
  ),
};
const log = await openEmbeddedLog({ dir: join(place.dir, 'log'), runtime, leaseMs: 1_000 });
const service = await openPaymentAt(place, { runtime, log });
await service.module.start();
const calls = callsOn(service);
process.send?.('ready');
for (const key of keys) {
  await calls.authorise(key);
  await calls.settled(key);
  if (until === 'authorised') continue;
  await calls.capture(key);
  await calls.settled(key);
  if (until === 'captured') continue;
  await calls.refund(key, 'rfd_1', 300);
  await calls.settled(key);
}
process.send?.('done');
