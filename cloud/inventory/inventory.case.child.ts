import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import { type HaltAt, haltingSteps } from '@holdfast/shared/runtime/halt.fixture.ts';
import { type Runtime, systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import { CALL, openerOf, openLedger, reserving, type TestPlace } from './inventory.fixture.ts';
import { openInventory } from './inventory.module.ts';
import { inventorySettingsSchema } from './settings.ts';

/** What a suite asks of another process, as JSON in its first argument. */
export type InventoryTask = { readonly place: TestPlace } & (
  | { readonly mode: 'sell'; readonly name: string; readonly clients: number }
  | {
      readonly mode: 'serve';
      readonly logDir: string;
      readonly haltAt?: HaltAt;
    }
);

const nobody: Policy = {
  revision: 'none',
  decide: () => ({ allowed: false, reasons: ['nobody asks here'], revision: 'none' }),
};

const task = JSON.parse(process.argv[2] ?? '') as InventoryTask;
if (task.mode === 'sell') await sell(task);
else await serve(task);

/** Reserves and confirms one by one until nothing is left; tells how many it sold. */
async function sell(own: InventoryTask & { mode: 'sell' }): Promise<void> {
  const runtime = await systemRuntime({ name: 'inventory', logLevel: 'silent' });
  const { handlers, close } = await openLedger(own.place, runtime);
  let sold = 0;
  const client = async (index: number): Promise<void> => {
    for (let attempt = 0; ; attempt++) {
      const reservationId = `rsv_${own.name}_${index}_${attempt}`;
      const { reservation } = await handlers.reserve(reserving(reservationId), CALL);
      if (!reservation) return;
      await handlers.confirm({ reservationId }, CALL);
      sold += 1;
    }
  };
  process.send?.('ready');
  await new Promise((resolve) => process.once('message', resolve));
  await Promise.all(Array.from({ length: own.clients }, (_, index) => client(index)));
  await close();
  process.send?.({ sold });
  process.disconnect();
}

async function serve({ place, logDir, haltAt }: InventoryTask & { mode: 'serve' }): Promise<void> {
  const runtime: Runtime = {
    ...(await systemRuntime({ name: 'inventory', logLevel: 'silent' })),
    steps: haltingSteps(haltAt),
  };
  const log = await openEmbeddedLog({ dir: logDir, runtime, leaseMs: 1_000 });
  const inventory = await openInventory({
    sql: openerOf(place, runtime),
    log,
    policy: nobody,
    settings: inventorySettingsSchema.parse({}),
    runtime,
    region: 'local',
  });
  await inventory.module.start();
  process.send?.('ready');
  process.once('message', async () => {
    await inventory.module.stop();
    await log.close();
    process.disconnect();
  });
}
